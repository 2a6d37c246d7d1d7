"""The processes of a host: started, heard, limited, ended."""
