"""A spiking network as processes of Lava. Importing this makes Lava importable first."""

from .compat import prepare

prepare()
