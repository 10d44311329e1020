"""Parts of a study's page: verdict, cohort, figures, subgroups and worst cases."""
