"""The hub's pages and its schema registry: mounted in Airflow, and served alone.

Nothing here shows personal data: counts, states, codes and schemas only.
"""
