"""A program that knows nothing of callgate: calls its target again and again, and writes what came of each call."""
import time
import urllib.error
import urllib.request

TARGET = "http://192.0.2.10/"


def call():
    try:
        with urllib.request.urlopen(TARGET, timeout=10) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except OSError:
        return "refused"


with open("/run/shop.log", "a", buffering=1, encoding="utf-8") as log:
    while True:
        begun = time.monotonic()
        log.write(f"{begun} {call()}\n")
        time.sleep(0.2)
