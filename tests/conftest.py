"""What holds for all tests: Ctrl-C means what it says, also where they were started in the background."""

import signal

# a shell that starts a job in the background lets it, and all that it starts, ignore the signal
signal.signal(signal.SIGINT, signal.default_int_handler)
