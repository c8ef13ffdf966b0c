#!/usr/bin/env bash
# Write the login of Airflow's pages, `admin` with the secret of `.env`, into a file of this container alone; then run a command.
# Without it Airflow makes a password of its own and prints it into its log, and nothing else of the hub can sign in.
set -euo pipefail
umask 077
python -c 'import json, os, sys; json.dump({"admin": os.environ["POPHUB_SECRET_AIRFLOW_ADMIN"]}, sys.stdout)' \
  >"$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
exec "$@"
