#!/usr/bin/env bash
# Run once by the postgres image: Airflow's role and database. The password comes by standard input.
set -euo pipefail
psql -v ON_ERROR_STOP=1 --username postgres <<SQL
CREATE ROLE airflow LOGIN PASSWORD '${AIRFLOW_PASSWORD}';
CREATE DATABASE airflow OWNER airflow;
SQL
