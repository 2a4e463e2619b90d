#!/bin/sh
# Makes the words a called person can say: clips/<word>.wav, 16 kHz mono 16 bit.
# Needs flite and sox. The clips are committed; run this only to change the voice.
# Silence at both ends is cut, so that speech.py alone decides the pauses.
set -eu
cd "$(dirname "$0")/clips"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for word in zero one two three four five six seven eight nine yes no; do
    flite -voice slt -t "$word." -o "$work/$word.wav"
    sox -D "$work/$word.wav" -r 16000 -c 1 -b 16 "$word.wav" \
        silence 1 0.005 0.1% reverse silence 1 0.005 0.1% reverse
done
