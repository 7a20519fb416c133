"""The sub-commands of the command line, one per question: each adds its parser and names what answers it."""
