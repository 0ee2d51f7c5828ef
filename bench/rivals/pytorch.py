"""PyTorch on the rivals' nets, with the same weights, batch and optimizer as the others.

    python3 bench/rivals/pytorch.py NET MODE [--device cpu]

MODE is f32 (eager), amp (eager autocast f16, GradScaler), compile (torch.compile of the same, fused AdamW) or
graph (a CUDA graph of the whole step: autocast f16, a static scale, fused AdamW). GradScaler starts as mpt's does. `limits limits` measures what the
card copies and multiplies through PyTorch. Each prints one line of JSON, as harness.ts does.
"""
import argparse
import json
import math
import pathlib
import statistics
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

NETS = json.loads((pathlib.Path(__file__).parent / "nets.json").read_text())
ROUNDS, ROUND_MS, BUDGET_MS = 5, 500.0, 15000.0
FIRST_SCALE = 65536.0  # GradScaler's own, and mpt's
STATIC_SCALE = 1024.0  # nothing looks for overflow in a CUDA graph: this far from it


def uniform(seed, count):
    """mulberry32's stream from a seed, in [0, 1): the generator of nets.ts, all values at once."""
    with np.errstate(over="ignore"):
        a = np.uint32(seed) + (np.arange(1, count + 1, dtype=np.uint64) * 0x6D2B79F5).astype(np.uint32)
        t = (a ^ (a >> np.uint32(15))) * (np.uint32(1) | a)
        t = (t + (t ^ (t >> np.uint32(7))) * (np.uint32(61) | t)) ^ t
        return (t ^ (t >> np.uint32(14))).astype(np.float64) / 4294967296


class Mlp(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.depth = len(net["widths"]) - 1
        for i, (a, b) in enumerate(zip(net["widths"], net["widths"][1:])):
            setattr(self, f"fc{i + 1}", nn.Linear(a, b))

    def forward(self, image):
        x = image.float() / 255
        for i in range(1, self.depth + 1):
            x = getattr(self, f"fc{i}")(x)
            if i < self.depth:
                x = F.relu(x)
        return x


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (y.view(b, t, self.heads, -1).transpose(1, 2) for y in self.qkv(x).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(b, t, d))


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.ln1, self.attn = nn.LayerNorm(dim), Attention(dim, heads)
        self.ln2 = nn.LayerNorm(dim)
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.down(F.gelu(self.up(self.ln2(x))))


class Gpt(nn.Module):
    def __init__(self, net):
        super().__init__()
        dim = net["dim"]
        self.tok, self.pos = nn.Embedding(net["vocab"], dim), nn.Embedding(net["ctx"], dim)
        self.blocks = nn.ModuleList(Block(dim, net["heads"]) for _ in range(net["depth"]))
        self.ln = nn.LayerNorm(dim)

    def forward(self, ids):
        x = self.tok(ids) + self.pos.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return F.linear(self.ln(x), self.tok.weight)


def make(net, device):
    """The net with nets.ts's weights, and its batch."""
    mlp = "widths" in net
    model = Mlp(net) if mlp else Gpt(net)
    with torch.no_grad():
        for i, (path, p) in enumerate(model.named_parameters()):
            if ".ln" in f".{path}" and p.dim() == 1:
                p.fill_(1.0 if path.endswith("weight") else 0.0)
                continue
            owner = model.get_parameter(path.rsplit(".", 1)[0] + ".weight")
            within = 0.05 if path.split(".")[0] in ("tok", "pos") else 1 / math.sqrt(owner.shape[1])
            values = (2 * uniform(1000 + i, p.numel()) - 1) * within
            p.copy_(torch.from_numpy(values.astype(np.float32)).view(p.shape))
    b = net["batch"]
    if mlp:
        x = np.floor(uniform(1, b * net["widths"][0]) * 256).astype(np.uint8).reshape(b, -1)
        y = np.floor(uniform(2, b) * net["widths"][-1]).astype(np.int64)
    else:
        count = b * net["ctx"]
        x, y = (np.floor(uniform(s, count) * net["vocab"]).astype(np.int64).reshape(b, -1) for s in (1, 2))
    return model.to(device), torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)


def stepper(net, mode, device):
    """A function that makes one step and returns its loss, on the device and unscaled."""
    model, x, y = make(net, device)
    fast = {"compile": {"fused": True}, "graph": {"fused": True, "capturable": True}}.get(mode, {})
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=net["lr"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, **fast
    )

    def loss_of():
        logits = model(x)
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]).float(), y.reshape(-1))

    def low():
        return torch.autocast(device, dtype=torch.float16)

    if mode == "f32":
        def step():
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of()
            loss.backward()
            optimizer.step()
            return loss.detach()
        return step

    if mode in ("amp", "compile"):
        scaler = torch.amp.GradScaler(device, init_scale=FIRST_SCALE)
        inner = torch.compile(loss_of) if mode == "compile" else loss_of

        def step():
            optimizer.zero_grad(set_to_none=True)
            with low():
                loss = inner()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            return loss.detach()
        step.skipped = lambda: round(math.log2(FIRST_SCALE / scaler.get_scale()))
        return step

    optimizer.grad_scale = torch.tensor(STATIC_SCALE, device=device)
    optimizer.found_inf = torch.tensor(0.0, device=device)

    def whole():
        optimizer.zero_grad(set_to_none=False)
        # Casts of weights that autocast keeps would outlive the graph's replay.
        with torch.autocast(device, dtype=torch.float16, cache_enabled=False):
            loss = loss_of()
        (loss * STATIC_SCALE).backward()
        optimizer.step()
        return loss.detach()

    first = [p.detach().clone() for p in model.parameters()]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            whole()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = whole()
    with torch.no_grad():
        for p, value in zip(model.parameters(), first):
            p.copy_(value)
            for state in optimizer.state[p].values():
                state.zero_()

    def step():
        graph.replay()
        return loss
    return step


def measure(name, mode, device):
    step = stepper(NETS[name], mode, device)

    def run(steps):
        if device == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(steps):
            loss = step()
        value = loss.item()
        return (time.perf_counter() - began) * 1000 / steps, value

    first = run(1)[1]
    run(2)
    each, sixth = run(3)
    skipped = step.skipped() if hasattr(step, "skipped") else None
    run(3)
    each, _ = run(3)
    steps = max(1, min(1000, int(BUDGET_MS / ROUNDS / each), max(5, math.ceil(ROUND_MS / each))))
    rounds = [run(steps) for _ in range(ROUNDS)]
    times = [each for each, _ in rounds]
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else None
    return {
        "milliseconds": statistics.median(times), "rounds": times, "steps": steps,
        "firstLoss": first, "sixthLoss": sixth, "lastLoss": rounds[-1][1],
        **({"peakBytes": peak} if peak else {}),
        **({"skipped": skipped} if skipped is not None else {}),
    }


def limits():
    def timed(run, work):
        for _ in range(3):
            run()
        each = []
        for _ in range(7):
            torch.cuda.synchronize()
            began = time.perf_counter()
            for _ in range(20):
                run()
            torch.cuda.synchronize()
            each.append((time.perf_counter() - began) / 20)
        return work / statistics.median(each)

    n = 4096
    out = {}
    a = torch.randn(2**29, dtype=torch.float32, device="cuda")
    b = torch.empty_like(a)
    out["copyGBs"] = timed(lambda: b.copy_(a), 2 * a.numel() * 4) / 1e9
    del a, b
    for label, dtype, tf32 in (("f16", torch.float16, False), ("tf32", torch.float32, True), ("f32", torch.float32, False)):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        x, y = (torch.randn(n, n, device="cuda").to(dtype) for _ in range(2))
        out[f"matmul.{label}"] = timed(lambda: x @ y, 2 * n**3) / 1e12
    x, y = (torch.randint(-128, 128, (n, n), dtype=torch.int8, device="cuda") for _ in range(2))
    # To i32; the right operand runs along the sum, as cuBLAS wants it and a linear layer's weight does.
    out["matmul.i8"] = timed(lambda: torch._int_mm(x, y.t()), 2 * n**3) / 1e12
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("net")
    parser.add_argument("mode", choices=["f32", "amp", "compile", "graph", "limits"])
    parser.add_argument("--device", default="cuda")
    given = parser.parse_args()
    card = torch.cuda.get_device_name() if given.device == "cuda" else "CPU"
    head = {
        "implementation": "PyTorch", "version": torch.__version__, "net": given.net, "precision": given.mode,
        "device": card,
    }
    found = limits() if given.mode == "limits" else measure(given.net, given.mode, given.device)
    print(json.dumps({**head, **found}), flush=True)
