"""The names of runs and flows: adjective and animal, the function's own, or a template of the user's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Any, cast

from segue.exceptions import InvalidNameError

FORBIDDEN = ("/", "%", "&", ">", "<")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ADJECTIVES = _words("""
    able active adept agile airy amber ample amused apt arctic ardent artful astute autumn awake aware azure balmy
    beaming benign blithe blooming bold bonny bouncy brave breezy bright brisk bubbly buoyant busy calm candid
    caring casual cheerful cheery chipper civil classy clear clever coastal cobalt comfy cool coral cordial cosmic
    cosy crafty crimson crisp curious dainty dapper daring dashing deft devoted diligent direct dreamy eager
    earnest easy elegant emerald epic exact expert fabled fair faithful famous fancy fearless festive fiery fine
    fleet fluent fluffy fond frank free fresh friendly frosty frugal funny gallant gentle genuine gifted glad
    gleaming glowing golden good graceful grand grateful groovy happy hardy hasty hearty helpful honest hopeful
    humble humming ideal indigo ivory jaunty jazzy jolly jovial joyful keen kind lavish lilac limber lively lofty
    loyal lucid lucky lunar lush magic mellow merry mighty mild mindful mint misty modest musical neat nifty nimble
    noble nordic olive opal orderly patient peaceful perky placid playful plucky plush poised polished polite prime
    proud prudent quaint quick quiet radiant rapid rare ready refined regal relaxed robust rosy royal ruby rustic
    sage sandy scarlet serene sharp shiny silent silken silver sincere skilful sleek smart smiling smooth snappy
    snowy snug solar solid sonic sparkling speedy spirited splendid spry stable starry steady stellar sterling
    stout sublime subtle sunny super swift tactful tawny tender thankful thrifty tidy tranquil trusty upbeat valiant
    velvet vibrant vivid warm watchful wise witty worthy young zany zealous zesty zippy
""")

ANIMALS = _words("""
    aardvark adder albatross alpaca anchovy ant anteater antelope armadillo auk axolotl baboon badger barbel
    barracuda bat bear beaver bee beetle bison bittern blackbird boar bobcat bonobo buffalo bullfinch bumblebee
    bunting bustard butterfly buzzard camel canary capybara caracal caribou carp cassowary cat caterpillar
    chaffinch chameleon chamois cheetah chicken chinchilla chipmunk cicada civet clam cobra cockatoo cod condor coot
    cormorant cougar coyote crab crane crayfish cricket crow cuckoo curlew deer dingo dipper dog dolphin donkey
    dormouse dove dragonfly duck dugong dunlin eagle echidna eel egret eland elephant elk emu ermine falcon ferret
    finch firefly flamingo fox frog gannet gazelle gecko gerbil gibbon giraffe gnu goat goldfinch goose gopher
    goshawk grasshopper grebe grouse guppy haddock halibut hamster hare harrier hawk hedgehog heron herring hippo
    hoopoe hornbill horse hound hummingbird ibex ibis iguana impala jackal jackdaw jaguar jay jellyfish kangaroo
    kestrel kingfisher kite kiwi koala kookaburra krill ladybird lapwing lark lemming lemur leopard linnet lion lizard
    llama lobster loon lynx macaw mackerel magpie mallard manatee mantis marlin marmot marten meerkat merlin mink
    minnow mole mongoose moose moth mouse mule narwhal newt nightingale numbat nuthatch ocelot octopus okapi opossum
    orca oriole oryx osprey ostrich otter owl ox oyster panda pangolin panther parrot partridge peacock pelican penguin
    perch pheasant pigeon pike pipit platypus plover pony porcupine porpoise puffin puma quail quokka rabbit raccoon
    raven ray redstart reindeer rhino robin rook salamander salmon sandpiper sardine seahorse seal serval shark sheep
    shrew skink skylark sloth snail snipe sparrow spider squid squirrel starling stoat stork sturgeon swallow swan
    swift tapir tern thrush tiger toad tortoise toucan trout tuna turtle viper vole wallaby walrus weasel whale
    wolf wolverine wombat woodpecker wren yak zebra
""")


def slug(random: Random) -> str:
    """Return a friendly name for a run, such as "brave-otter"."""
    return f"{random.choice(ADJECTIVES)}-{random.choice(ANIMALS)}"


def check_name(name: str) -> str:
    """Return the name as it is; raises TypeError if it is no string, InvalidNameError if it has a bad character."""
    if not isinstance(cast("Any", name), str):
        raise TypeError(f"A name must be a string, not {name!r} ({type(name).__name__}).")
    if not name.strip():
        raise InvalidNameError("A name must not be empty.")
    if any(character in name for character in FORBIDDEN):
        raise InvalidNameError(
            f"Name {name!r} contains an invalid character. Must not contain any of: {list(FORBIDDEN)}."
        )
    return name


def flow_name(fn: Callable[..., Any]) -> str:
    """Return the name of a flow that was given none: that of its function, with dashes for underscores."""
    while isinstance(fn, partial):
        fn = cast("partial[Any]", fn).func
    name: str = getattr(fn, "__name__", type(fn).__name__)
    return "unknown-lambda" if name == "<lambda>" else check_name(name.replace("_", "-"))


def run_name(template: str | Callable[..., str], parameters: Mapping[str, Any], option: str) -> str:
    """Return the name of a run with these parameters, from a template such as "load-{day}" or a function.

    A function is called without arguments, or with `parameters=` if it takes that. `option` is the name of the
    option for the errors: InvalidNameError for a template that does not fit the parameters, TypeError for what
    is neither template nor function and for a function's result that is no string; and whatever it raises.
    """
    if isinstance(template, str):
        return _filled(template, parameters, option)
    if not callable(cast("Any", template)):
        raise TypeError(f"{option} must be a string or a function that returns one, not {template!r}.")
    made: Any = template(parameters=dict(parameters)) if _takes_parameters(template) else template()
    if not isinstance(made, str):
        name = getattr(template, "__name__", repr(template))
        raise TypeError(f"Function {name} for {option!r} must return a string, and returned {made!r}.")
    return made


def _filled(template: str, parameters: Mapping[str, Any], option: str) -> str:
    try:
        return template.format_map(parameters)
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        known = ", ".join(parameters) or "none"
        raise InvalidNameError(
            f"{option} {template!r} cannot be filled in ({type(error).__name__}: {error}). The parameters are: {known}."
        ) from error


def _takes_parameters(fn: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(fn).parameters
    except (TypeError, ValueError):  # some builtins do not tell
        return False
    return "parameters" in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())
