"""Configuration, warehouse and the command line: everything between the loaders and Airflow."""
