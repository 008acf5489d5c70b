"""A streaming filter for astronomical alert brokers; its packages are the folders of these names beside this one."""
