"""What holds for all tests: Ctrl-C means what it says, and no property has a deadline."""

import signal

import hypothesis

# a shell that starts a job in the background lets it, and all that it starts, ignore the signal
signal.signal(signal.SIGINT, signal.default_int_handler)

# timings are never asserted: a machine that is busy for a moment is no defect
hypothesis.settings.register_profile("pophub", deadline=None)
hypothesis.settings.load_profile("pophub")
