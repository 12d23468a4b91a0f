import pytest

from mlops_assets.models.requirements import install_command, list_requirements


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "requirements.txt").write_text(
        "mlflow==3.17.2\nscikit-learn==1.9.1\ntorchvision==0.1\ntorch==2.13 ; python_version > '3'\n"
        "xgboost-evil==6.6.6\nlightgbm @ https://evil.example/lightgbm.whl\n-r ../../../etc/passwd\n"
        "--index-url https://evil.example\n# a comment\n`rm -rf /`; catboost==1\nSome_Package[extra]>=1,<2\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("sklearn.ensemble", "scikit-learn==1.9.1"),
        ("mlflow", "mlflow==3.17.2"),
        ("torch", "torch==2.13"),  # not torchvision
        ("some_package", "Some_Package<2,>=1"),
        ("xgboost", "xgboost"),  # never another package of a similar name
        ("lightgbm", "lightgbm"),  # never a URL
        ("catboost", "catboost"),  # never what is no requirement
        ("PIL", "pillow"),
        ("no_such", "no-such"),
    ],
)
def test_the_line_names_the_package_and_at_most_its_version(folder, module, line):
    assert install_command(folder, module) == f'pip install "{line}"'


def test_what_it_was_saved_with_is_listed_without_urls_and_options(folder):
    line = list_requirements(folder)
    assert line.startswith("mlflow==3.17.2, scikit-learn==1.9.1")
    assert "evil.example" not in line
    assert "passwd" not in line
    assert "rm" not in line


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b"x" * 10**6, b"a\n" * 10**5])
def test_requirements_that_are_missing_or_nonsense(tmp_path, content):
    if content is not None:
        (tmp_path / "requirements.txt").write_bytes(content)
    assert install_command(tmp_path, "lightgbm") == 'pip install "lightgbm"'
    assert len(list_requirements(tmp_path)) < 100_000
