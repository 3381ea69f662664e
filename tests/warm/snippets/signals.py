import os
import signal
import time
import sys
import threading

found = []
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    found.append("interrupted")
signal.signal(signal.SIGALRM, lambda number, frame: found.append(number))
signal.setitimer(signal.ITIMER_REAL, 0.05)
time.sleep(0.2)
signal.signal(signal.SIGTERM, lambda number, frame: found.append(number))
os.kill(os.getpid(), signal.SIGTERM)
found.append(signal.getsignal(signal.SIGPIPE))
found.append(threading.current_thread() is threading.main_thread())
os.write(1, repr(found).encode())
