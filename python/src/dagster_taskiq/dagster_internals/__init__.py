"""The only door to the private modules of Dagster, which Dagster does not promise to keep.

`shared`, `producer`, `host` and `recorder` import names. `patches` and `recorder` change Dagster's
behaviour while it runs. A test imports all of them, in `npm test` also on the oldest supported
version, and in `npm run test:dagster` on each. Another one checks that no other file of this
package imports a private module of Dagster.
"""

SEEN_IN = ("1.10.21", "1.11.16", "1.12.22", "1.13.27")
"""The versions that had every name. A comment beside a name that is missing in some says so."""
