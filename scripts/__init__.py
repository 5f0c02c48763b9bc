"""Tools around the project: bootstrap and checks. Nothing of the product imports them."""
