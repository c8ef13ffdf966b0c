"""The catalogue: what each dataset has and promises, told from declarations alone, with values that are made up."""
