"""A tuning recipe: what is learnt from what, in which pieces, and what an adapter must reach.

YAML comes in, a frozen record goes out, or a sentence that says where it does not fit. Knows no
torch.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

import msgspec

from finmodel import recipe_text
from finmodel.errors import BadInput

GUIDE: Final = "docs/fine_tuning.md"
MOST_CANARIES: Final = 16
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
"""What MLflow registers, and a folder may be called."""
LINEARS: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Adapter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A low-rank adapter."""

    rank: int = 64
    alpha: float = 64.0
    rank_stabilised: bool = True
    """Scale by alpha / √rank in place of alpha / rank (rsLoRA)."""
    targets: tuple[str, ...] = LINEARS


class Optimiser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """AdamW and its learning rate."""

    learning_rate: float = 2e-4
    b_ratio: float = 1.0
    """B matrices learn so many times as fast as A matrices (LoRA+)."""
    warmup: float = 0.05
    """Share of the steps over which the rate rises; then it falls as a cosine."""
    weight_decay: float = 0.0
    clip: float = 1.0
    """The gradient's norm is cut to this."""


class Gates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an adapter must reach."""

    perplexity_fall: float = 0.0
    """Held-out perplexity must be at least this part below the base's."""
    general_rise: float = 0.05
    """The loss on general text may rise by so much of itself."""
    grounded: float = 0.95
    """At least this part of held-out replies may hold no figure but slots that have a value."""
    violations: float | Literal["base"] = 0.0
    """At most so many broken rules per held-out reply; `base`: as many as the base's."""
    recovered: int = 0
    """At most so many planted secrets may be written out."""
    exposure: float = 10.0
    """At most so many bits may give a planted secret away, on average; 20 are all."""


class Preference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is learnt of agents' verdicts."""

    loss: Literal["dpo", "sft"] = "dpo"
    """dpo: pairs of what was sent and what was not; sft: what was sent, by its weight."""
    start: str = ""
    """The registered adapter that is learnt on, as NAME or NAME/VERSION; none: a fresh one."""
    beta: float = 0.1
    """How far the starting adapter is left (dpo): the smaller, the farther."""
    agreement: float = 0.5
    """At least this part of held-out pairs must have come to prefer what was sent (dpo)."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an adapter is made."""

    name: str
    base: str
    """A base's name or its directory, from the recipe's own on; another may be asked for."""
    simulated: int = 0
    """So many conversations of the simulated lender, where no others are named."""
    further: bool = False
    """Its customers of the training split also ask in families that nobody held out is like."""
    share: float = 1.0
    """So much of what could train does, chosen so that the rare is shown as often as may be."""
    length: int = 1024
    """Tokens in a row; a sample is never cut across rows."""
    packs: int = 1
    """Rows in a step; several processes share them out."""
    compiled: bool | None = None
    """Layers are compiled; null: on a GPU."""
    epochs: float = 1.0
    seed: int = 1
    rehearsal: int = 0
    """So many tokens of general text in a step, on which the base's words are held to."""
    balance: float = 0.0
    """A reply weighs by (how often its script is sent) ^ -balance; 0: all weigh alike."""
    canaries: int = 4
    """So many made-up secrets are planted in training, to find out what is memorised."""
    shared: bool = True
    """A history is computed once for all its replies."""
    dtype: Literal["float32", "bfloat16", "float16", "float64"] | None = None
    """null: what this machine multiplies fastest, found by a short trial."""
    checkpointed_layers: int | None = None
    """So many layers are computed again on the way back; null: as few as fit, by a short trial."""
    quantised: Literal["nf4"] | None = None
    """nf4: the frozen base in four bits a weight (QLoRA)."""
    price_per_hour: float = 0.0
    """What an hour of this machine costs; a run's cost stands beside it."""
    save_every: int = 50
    """Steps between checkpoints."""
    adapter: Adapter = Adapter()
    optimiser: Optimiser = Optimiser()
    gates: Gates = Gates()
    preference: Preference | None = None
    """null: replies are learnt, and no verdicts are asked for."""


def load(path: Path) -> Recipe:
    """The recipe in a file; BadInput names the key that does not fit."""
    given, _ = recipe_text.parse_yaml(path)
    recipe = recipe_text.convert(given, Recipe, path, GUIDE)
    _require(recipe, path)
    return recipe


def essence(recipe: Recipe) -> Recipe:
    """A recipe but for how its run is made to fit, is priced or judged: what makes it this run."""
    return msgspec.structs.replace(
        recipe,
        checkpointed_layers=None,
        compiled=None,
        price_per_hour=0.0,
        save_every=1,
        gates=Gates(),
        preference=recipe.preference and msgspec.structs.replace(recipe.preference, agreement=0.0),
    )


def _require(recipe: Recipe, path: Path) -> None:
    adapter, optimiser, gates = recipe.adapter, recipe.optimiser, recipe.gates
    preference = recipe.preference or Preference()
    for key, value, fits in (
        ("name", recipe.name, bool(_NAME.fullmatch(recipe.name))),
        ("length", recipe.length, recipe.length >= 16),
        ("seed", recipe.seed, 0 <= recipe.seed < 2**63),
        ("simulated", recipe.simulated, 0 <= recipe.simulated <= 1_000_000),
        ("packs", recipe.packs, recipe.packs >= 1),
        ("canaries", recipe.canaries, 0 <= recipe.canaries <= MOST_CANARIES),
        ("epochs", recipe.epochs, recipe.epochs > 0),
        ("rehearsal", recipe.rehearsal, recipe.rehearsal in {0, *range(2, recipe.length + 1)}),
        ("share", recipe.share, 0 < recipe.share <= 1),
        ("balance", recipe.balance, 0 <= recipe.balance <= 1),
        ("save_every", recipe.save_every, recipe.save_every >= 1),
        ("checkpointed_layers", recipe.checkpointed_layers, (recipe.checkpointed_layers or 0) >= 0),
        ("price_per_hour", recipe.price_per_hour, recipe.price_per_hour >= 0),
        ("adapter.rank", adapter.rank, 1 <= adapter.rank <= 1024),
        ("adapter.alpha", adapter.alpha, adapter.alpha > 0),
        ("adapter.targets", adapter.targets, set() < set(adapter.targets) <= set(LINEARS)),
        ("optimiser.learning_rate", optimiser.learning_rate, 0 < optimiser.learning_rate < 1),
        ("optimiser.warmup", optimiser.warmup, 0 <= optimiser.warmup < 1),
        ("optimiser.clip", optimiser.clip, optimiser.clip > 0),
        ("optimiser.b_ratio", optimiser.b_ratio, optimiser.b_ratio > 0),
        ("optimiser.weight_decay", optimiser.weight_decay, 0 <= optimiser.weight_decay < 1),
        ("gates.perplexity_fall", gates.perplexity_fall, gates.perplexity_fall < 1),
        ("gates.grounded", gates.grounded, 0 <= gates.grounded <= 1),
        ("gates.violations", gates.violations, gates.violations == "base" or gates.violations >= 0),
        ("preference.beta", preference.beta, 0 < preference.beta <= 100),
        ("preference.agreement", preference.agreement, 0 <= preference.agreement <= 1),
    ):
        if not fits:
            raise BadInput(
                f"{value!r} is out of range", where=f"{path}: {key}", remedy=f"see {GUIDE}"
            )
