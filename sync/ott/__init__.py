"""The tables of a target that is a database: models, migrations, and the router that keeps them and everything else apart."""
