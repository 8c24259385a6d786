# SPDX-License-Identifier: Apache-2.0
"""The bad pickles, rows F1 to F28 of docs/reliability.md. Each lies in a sound archive."""
from builder import *  # noqa: F403

ALLOWED = b"\x80.(N\x88\x89}])t\x85\x86\x87JKM\x8aGXcRQhjqrsuaeb"

# What scanners of pickles warn about, and names that only look like an allowed one.
HOSTILE = """os system;posix system;nt system;os popen;os execv;os.path join;subprocess Popen;subprocess
call;subprocess check_output;builtins eval;builtins exec;builtins compile;builtins open;builtins
getattr;builtins __import__;builtins globals;__builtin__ eval;__builtin__ file;__builtin__ apply;sys
exit;sys modules;runpy run_path;runpy _run_code;pip main;pip._internal main;importlib
import_module;ctypes CDLL;ctypes.util find_library;code InteractiveInterpreter;codeop
compile_command;pty spawn;pdb run;bdb Bdb;profile run;cProfile run;timeit timeit;trace Trace;shutil
rmtree;shutil move;socket socket;socket create_connection;ssl wrap_socket;urllib.request
urlopen;urllib.request urlretrieve;httplib HTTPSConnection;http.client HTTPConnection;requests.api
get;webbrowser open;smtplib SMTP;ftplib FTP;asyncio.unix_events
_UnixSubprocessTransport.__init__;multiprocessing.util spawnv_passfds;concurrent.futures
ProcessPoolExecutor;pickle loads;_pickle load;cloudpickle.cloudpickle _make_function;dill._dill
_create_code;marshal loads;types FunctionType;types CodeType;functools partial;functools
reduce;operator attrgetter;operator methodcaller;itertools starmap;collections
namedtuple;collections defaultdict;codecs decode;inspect getattr_static;linecache
getline;logging.config dictConfig;lib2to3.pgen2.pgen ParserGenerator.make_label;idlelib.run
Executive.runcode;doctest debug_script;distutils.file_util write_file;ensurepip bootstrap;venv
create;zipimport zipimporter;sqlite3 connect;tempfile mktemp;pathlib Path;pydoc pipepager;rlcompleter
Completer;imaplib IMAP4_stream;numpy.testing._private.utils runstring;numpy.f2py.crackfortran
myeval;numpy.core.multiarray _reconstruct;numpy core.multiarray;torch load;torch.hub
load;torch.serialization load;torch.jit load;torch._dynamo.guards
GuardBuilder.get;torch.utils.data.datapipes.utils.decoder
basichandlers;torch.utils._config_module load_config;torch.utils.bottleneck.__main__
run_cprofile;torch._inductor.codecache compile_file;torch.fx.experimental.symbolic_shapes
ShapeEnv.evaluate_guards_expression;torch.nn.modules.conv Conv2d;torchvision.models resnet18;__main__
Net;__main__ eval;argparse Namespace;joblib load;pandas read_pickle;yaml unsafe_load;torch._utils
_rebuild_tensor_v2.__globals__;torch _utils._rebuild_tensor_v2;Torch FloatStorage;torch
floatstorage;torch  FloatStorage;collections ordereddict;Collections OrderedDict;collections.abc
OrderedDict"""
NAMES = [tuple(n.split(" ", 1)) for n in HOSTILE.replace("\n", " ").split(";")]
LOOK_ALIKES = [("torch._utils", "_rebuild_tensor_v2\r"), ("torch._utils", " _rebuild_tensor_v2"),
               ("t\u043erch", "FloatStorage"), ("collections", "Ordered\u0110ict"), ("", ""),
               ("torch", "FloatStorage\0"), ("torch\0", "FloatStorage"), ("torch", "x" * 5000)]


def raw(id_, pickle, code, heap="H1", word="", storages=(("0", TWO), ("1", FOUR)), limits=""):
    return id_, bytes(archive(pickle, storages).bytes), code, heap, word, "weights", limits


def value(id_, pickle, code, heap="H1", word=""):
    return raw(id_, whole(items(text("w") + pickle)), code, heap, word)


def opcodes():
    for n in range(len(SOUND_PICKLE)):
        yield raw("F1", SOUND_PICKLE[:n], "truncated")
    for byte in range(256):
        if bytes([byte]) not in ALLOWED:
            yield raw("F2", b"\x80\2" + bytes([byte]) + SOUND_PICKLE[2:], "unsupported_opcode", "H1",
                      f"0x{byte:02x}")
    for protocol in (3, 4, 5, 255):
        yield raw("F2", b"\x80" + bytes([protocol]) + SOUND_PICKLE[2:], "unsupported_opcode")
    for module, n in NAMES:
        yield value("F3", name(module, n) + b")R", "forbidden_global", "H1", module)
    for module, n in LOOK_ALIKES:
        yield value("F4", name(module, n) + b")R", "forbidden_global")


def operations():
    kind, of = name("torch", "FloatStorage"), storage()
    arguments = of + integer(0) + integers([2]) + integers([1]) + b"\x89"
    for bad in (kind + b")R", b"})R", name("collections", "OrderedDict") + tuple_of(b"N") + b"R",
                REBUILD + b")R", REBUILD + tuple_of(arguments) + b"R",
                REBUILD + tuple_of(arguments + ORDERED_DICT + b"N") + b"R",
                REBUILD + tuple_of(b"N" + arguments[len(of):] + ORDERED_DICT) + b"R"):
        yield value("F5", bad, "bad_pickle")
    for target in (tensor(of), b")", integer(1), text("x")):
        for change in (text("k") + b"Ns", b"(" + text("k") + b"Nu", b"Na", b"(Ne", b"}b"):
            yield value("F6", target + change, "bad_pickle")
    for short_of in (b"t", b"u", b"e", b"\x85", b"R", b"b", b"Q", b"s", b"a", b"", b"(", b"NN",
                     b"](NNe("):
        yield raw("F7", whole(short_of), "bad_pickle")
    for bad in (b"}(" + text("k") + b"u", b"}(]Nu"):
        yield value("F7", bad, "bad_pickle")
    for bad in (b"h\x07", b"j\xff\xff\xff\xff", b"Nr\xff\xff\xff\xff"):
        yield value("F8", bad, "bad_pickle")
    yield value("F9", b"X\xff\xff\xff\xffabc", "truncated")


def sizes():
    yield value("F10", b")" + b"\x85" * 2_000_000, "depth_limit")
    yield value("F11", b"]q\0h\0a", "bad_pickle")
    yield value("F11", b"]q\0]q\1h\0ah\0h\1a", "bad_pickle")
    laughs = b"](NNNNNNNNNNeq\0"
    for level in range(30):
        laughs += b"](" + (b"h" + bytes([level])) * 10 + b"eq" + bytes([level + 1])
    yield raw("F12", whole(laughs), "limit_exceeded")
    yield raw("F13", SOUND_PICKLE + b"x", "trailing_data")
    yield raw("F13", SOUND_PICKLE * 2, "trailing_data")


def storages():
    def persistent(id_, fields, code):
        return value(id_, tensor(tuple_of(fields) + b"Q"), code)
    kind, s = name("torch", "FloatStorage"), text("storage")
    end = text("cpu") + integer(2)
    for bad in (s + kind + text("0") + end + b"N", text("Storage") + kind + text("0") + end,
                s + text("FloatStorage") + text("0") + end, s + kind + integer(0) + end,
                s + kind + text("0") + b"N" + integer(2), s + kind + text("0") + text("cpu")):
        yield persistent("F14", bad, "bad_pickle")
    for key in ("../version", "-1", "1" * 1_000_000, ""):
        yield persistent("F15", s + kind + text(key) + end, "bad_name")
    yield persistent("F15", s + kind + text("9") + end, "missing_entry")
    for numel in (3, 1_000_000):
        yield value("F16", tensor(storage("0", numel)), "size_mismatch", "H2")
    yield value("F17", tensor(storage("0", 1), 0, [1], [1]), "size_mismatch", "H2")
    for other in (storage("0", 2, "IntStorage"), storage("0", 1)):
        yield raw("F18", whole(items(W + text("v") + tensor(other, 0, [1], [1]))), "type_conflict")


def views():
    def view(id_, offset, sizes_, strides, code, heap="H2"):
        return value(id_, tensor(storage("1", 4), offset, sizes_, strides), code, heap)
    for offset, sizes_, strides in ((1, [4], [1]), (0, [2, 2], [3, 1]), (0, [2], [2**31 - 1]),
                                    (5, [0], [1])):
        yield view("F19", offset, sizes_, strides, "out_of_range")
    for offset, sizes_, strides in ((-1, [1], [1]), (0, [-1], [1]), (3, [2], [-1])):
        yield view("F20", offset, sizes_, strides, "bad_number", "H1")
    yield view("F20", 0, [2**31 - 1] * 3, [0, 0, 0], "overflow", "H1")
    yield view("F21", 0, [2**20, 2**20], [0, 0], "out_of_range")
    yield view("F22", 0, [4], [1, 1], "bad_pickle", "H1")
    yield view("F22", 0, [1] * 65, [1] * 65, "rank_limit", "H1")
    yield view("F23", 0, [2, 2], [1, 2], "none", "-")
    arguments = storage() + integer(0) + integers([2]) + integers([1]) + b"\x89"
    yield value("F24", REBUILD + tuple_of(arguments + ORDERED_DICT + text("k") + b"Ns") + b"R",
                "bad_pickle")
    for kind in ("ComplexFloatStorage", "ComplexDoubleStorage", "QInt8Storage"):
        yield value("F24", name("torch", kind), "unsupported_dtype")
    for function in ("_rebuild_qtensor", "_rebuild_sparse_tensor", "_rebuild_meta_tensor_no_storage"):
        yield value("F24", name("torch._utils", function), "unsupported_dtype")


def keys():
    yield raw("F25", whole(items(W + W)), "duplicate_key")
    nested = text("params") + items(W)
    yield raw("F25", whole(items(nested + nested)), "duplicate_key")
    for key in (b"a\0b", b"\xed\xa0\x80", b"k" * 1_000_000, b""):
        yield raw("F26", whole(items(text(key) + tensor(storage()))), "bad_name")


def beside():
    """What torch.load(weights_only=True) accepts beside tensors, and whole modules."""
    def made(module, n, of):
        return name(module, n) + tuple_of(of) + b"R"
    code = made("_codecs", "encode", text("abc") + text("latin1"))
    dtype = made("numpy", "dtype", text("f8") + b"\x89\x88") + tuple_of(integer(3) + b"NN") + b"b"
    for thing in (made("collections", "Counter", items(text("a") + integer(2))), code,
                  made("torch", "Size", integers([1, 2])), name("torch", "bfloat16"),
                  made("torch", "device", text("cpu")), made("numpy.core.multiarray", "scalar",
                                                             dtype + code),
                  made("__builtin__", "set", b"](" + integer(1) + b"e"),
                  b"\x8a\xff" + b"\1" * 255, items(integers([1, 2]) + b"N")):
        yield raw("F27", whole(items(W + text("x") + thing)), "none", "-")
    state = items(text("training") + b"\x88" + text("_parameters") + b"}")
    for module, n in (("__main__", "Net"), ("torch.nn.modules.container", "Sequential")):
        yield raw("F28", whole(name(module, n) + b")\x81" + state + b"b"), "forbidden_global", "H1",
                  "whole module")


def rows():
    for source in (opcodes, operations, sizes, storages, views, keys, beside):
        yield from source()
