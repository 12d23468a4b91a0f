"""A newcomer: an empty environment, a wheel, a project of their own, and models that were logged months ago.

``python -m mlops_assets_tests.newcomer`` builds the wheel of this checkout, installs it into a new environment, and for
each kind of model in ``models/`` types what the documentation says. When a run stops, the advice in its message is
followed to the letter, and nothing else is done: see `advice`. Each kind must end in predictions and explanations, within
the bars of `session`.

``test_newcomer.py`` plays the same in the running environment, with the wheel in place of this checkout.
"""
