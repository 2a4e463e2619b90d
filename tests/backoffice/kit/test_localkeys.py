from __future__ import annotations

from backoffice.kit.localkeys import load


def test_a_key_that_is_given_stands_beside_those_of_the_file(tmp_path):
    path = tmp_path / "keys.json"
    given = {"SECRET_KEY": "mine", "KEY_RING": "", "INDEX_KEY": ""}
    keys = load(path, given=given, may_generate=True)
    assert keys["SECRET_KEY"] == "mine"
    assert keys["KEY_RING"].startswith("k1:")
    assert load(path, given=given, may_generate=True) == keys
