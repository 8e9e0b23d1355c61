from busicli.parallel.subprocesses import run_python


def test_no_module_of_the_current_folder_is_run(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("print('a stranger')")
    monkeypatch.chdir(tmp_path)
    ended = run_python(["-c", "import json; print(json.dumps(1))"])
    assert (ended.returncode, ended.stdout) == (0, "1\n")
