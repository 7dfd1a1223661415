#!/bin/sh
# Runs what the arguments say: a program of the runfiles with the gate's own flags, then the user's.
exec "$@"
