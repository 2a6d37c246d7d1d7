"""A secrets loader for dagster.yaml: each code location has variables that no other has."""

from dagster._core.secrets.loader import SecretsLoader
from dagster._serdes import ConfigurableClass


class SecretsByLocation(SecretsLoader, ConfigurableClass):
    def __init__(self, inst_data=None):
        self._inst_data = inst_data

    @property
    def inst_data(self):
        return self._inst_data

    @classmethod
    def config_type(cls):
        return {}

    @classmethod
    def from_config_value(cls, inst_data, config_value):
        return cls(inst_data=inst_data, **config_value)

    def get_secrets_for_environment(self, location_name):
        return {"SECRET": f"of {location_name}", f"SECRET_OF_{location_name}": "1"}
