"""The straight line: extract, judge, share. Each stage is one function that reads, works, commits."""
