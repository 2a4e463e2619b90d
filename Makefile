# Two commands do everything: `make run` and `make test`. See README.md.
.PHONY: run test check chaos fuzz bench messages

PYTHON_HERE = .venv/bin/python

run:
	@PYTHON="$(PYTHON)" sh environment.sh requirements.txt
	@exec $(PYTHON_HERE) manage.py up

# make test            SQLite, and PostgreSQL + Redis where they are reachable
# make test DB=sqlite  SQLite and nothing else; DB=postgres the other one
test:
	@PYTHON="$(PYTHON)" sh environment.sh requirements-dev.txt
	@exec $(PYTHON_HERE) -m tests.run --db "$(DB)"

# What needs no test run: style, types, layers, migrations, translations, API document.
check:
	@PYTHON="$(PYTHON)" sh environment.sh requirements-dev.txt
	@exec $(PYTHON_HERE) -m tests.run --check

# Workers killed by the hundred, Redis and PostgreSQL ended in mid-batch: ten minutes or so.
# make chaos CHAOS_SEED=7   throws the same dice again
chaos:
	@PYTHON="$(PYTHON)" sh environment.sh requirements-dev.txt
	@CHAOS_SEED="$(CHAOS_SEED)" exec $(PYTHON_HERE) -m tests.run --chaos --db "$(DB)"

# The callback door over the real web server against odd requests, for a minute.
# make fuzz FUZZ_SEED=7   sends the same again
fuzz:
	@PYTHON="$(PYTHON)" sh environment.sh requirements-dev.txt
	@exec $(PYTHON_HERE) -m tests.fuzz 60 $(FUZZ_SEED)

# make bench           every benchmark; make bench ONLY=bulk_100 one
bench:
	@PYTHON="$(PYTHON)" sh environment.sh requirements-dev.txt
	@exec $(PYTHON_HERE) bench/run.py $(ONLY)

# Collects the texts for the translators and compiles what they wrote (needs gettext).
messages:
	@PYTHON="$(PYTHON)" sh environment.sh requirements-dev.txt
	@$(PYTHON_HERE) manage.py makemessages -l zh_Hans --no-location --no-obsolete -i .venv -i var
	@$(PYTHON_HERE) manage.py compilemessages -i .venv
