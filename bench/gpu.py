"""A model of billions of parameters, random weights, on this machine's GPU: our way against the bare diffusers script.

Nothing is downloaded: a Wan-shaped transformer and the full-size VAE are made on the device and saved to a folder. Bars:
seconds a clip ≤1.02 times the script's, GPU memory flat over 20 clips. `BENCH_LAYERS=30` is about 5 billion parameters;
`BENCH_CLIPS=20`. Without a GPU a toy is made instead, so that the benchmark itself can be tried; its figures say nothing.
"""
from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fedisora.generation.process import Runner, Spec
from fedisora.logs import quiet
from fedisora.media.process import clean_environment

CLIPS = int(os.environ.get("BENCH_CLIPS", "20"))
MAKE = """
import sys, torch, diffusers
from tests.support import pipelines
folder, layers = sys.argv[1], int(sys.argv[2])
gpu = torch.cuda.is_available()
pipe = pipelines.wan("WanPipeline", transformer_2=None)
if gpu:
    with torch.device("cuda"):
        torch.set_default_dtype(torch.bfloat16)
        pipe.register_modules(
            transformer=diffusers.WanTransformer3DModel(
                patch_size=(1, 2, 2), num_attention_heads=24, attention_head_dim=128, in_channels=16, out_channels=16,
                text_dim=32, freq_dim=256, ffn_dim=14336, num_layers=layers, cross_attn_norm=True,
                qk_norm="rms_norm_across_heads"),
            vae=diffusers.AutoencoderKLWan())
pipe.save_pretrained(folder, safe_serialization=True)
print(sum(item.numel() for item in pipe.transformer.parameters()))
"""
BARE = """
import json, sys, time, torch, numpy as np, av, diffusers
from fractions import Fraction
request, clips = json.loads(sys.argv[2]), int(sys.argv[3])
gpu = torch.cuda.is_available()
device, dtype = ("cuda", torch.bfloat16) if gpu else ("cpu", torch.float32)
if not gpu:
    torch.set_num_threads(1)
pipe = diffusers.DiffusionPipeline.from_pretrained(sys.argv[1], dtype=dtype, use_safetensors=True, local_files_only=True)
pipe.to(device)
pipe.set_progress_bar_config(disable=True)
took = []
for number in range(clips + 1):
    began = time.perf_counter()
    video = pipe(prompt=request["prompt"], width=request["width"], height=request["height"], num_frames=request["frames"],
                 num_inference_steps=request["steps"], guidance_scale=5.0, output_type="np",
                 generator=torch.Generator(device).manual_seed(number)).frames[0]
    with av.open(request["output"], "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=Fraction(request["fps"]), options={"preset": "medium", "crf": "17"})
        stream.width, stream.height, stream.pix_fmt = video.shape[2], video.shape[1], "yuv420p"
        for picture in video:
            pixels = (picture * 255).clip(0, 255).astype(np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
        output.mux(stream.encode(None))
    took.append(time.perf_counter() - began)
print(json.dumps({"took": took[1:], "memory": torch.cuda.max_memory_allocated() if gpu else 0}))
"""


def has_gpu() -> bool:
    """Whether the driver names a GPU."""
    try:
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def python(code: str, *arguments: str) -> str:
    """What a Python program of its own prints: this process never imports torch."""
    roots = os.pathsep.join([str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")])
    passed = {name: value for name, value in os.environ.items() if name.startswith(("CUDA", "NVIDIA", "LD_", "PYTORCH", "HF_"))}
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False,
                          env=clean_environment() | passed | {"PYTHONPATH": roots})
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return done.stdout


def memory_of(pid: int | None) -> int:
    """GPU memory of a process in MiB, as the driver counts it; 0 without a GPU."""
    if not has_gpu():
        return 0
    lines = subprocess.run(["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"],
                           capture_output=True, text=True, check=True).stdout.splitlines()
    return sum(int(line.split(",")[1]) for line in lines if line.split(",")[0].strip() == str(pid))


async def ours(folder: Path, request: dict[str, Any], clips: int, **options: Any) -> tuple[list[float], list[int]]:
    """Seconds a clip and GPU memory after each, through the child that workers start; the first clip is left out."""
    runner, took, held = Runner(), [], []
    try:
        for number in range(clips + 1):
            began = time.perf_counter()
            await runner.generate(request | {"id": str(number), "seed": number}, lambda *_: None,
                                  spec=Spec("diffusers", str(folder), options))
            took.append(time.perf_counter() - began)
            held.append(memory_of(runner.pid))
    finally:
        await runner.close()
    return took[1:], held[1:]


def main() -> None:
    """Print the table."""
    quiet()
    gpu = has_gpu()
    layers = int(os.environ.get("BENCH_LAYERS", "30"))
    table = Table("how", "s a clip", "against the script", "GPU memory MiB, first → last")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        request: dict[str, Any] = {
            "prompt": "a red kite", "width": 832 if gpu else 64, "height": 480 if gpu else 64, "frames": 49 if gpu else 9,
            "fps": 16, "seconds": 3.0 if gpu else 0.5, "steps": 10 if gpu else 2, "guidance": 5.0,
            "output": str(Path(name) / "clip.mp4")}
        count = int(python(MAKE, str(folder), str(layers)))
        table.title = f"{count / 1e9:.2f} billion parameters, {'GPU' if gpu else 'no GPU: a toy'}"
        bare = json.loads(python(BARE, str(folder), json.dumps(request), str(max(3, CLIPS // 4))))
        base = statistics.median(bare["took"])
        table.add_row("bare diffusers script", f"{base:.3f}", "1", f"{bare['memory'] >> 20} (peak)")
        ways: list[tuple[str, int, dict[str, Any]]] = [("Fedisora's child", CLIPS, {})]
        if gpu:
            few = max(3, CLIPS // 4)
            ways += [("torch.compile", few, {"compile": True}), ("attention native", few, {"attention": "native"}),
                     ("attention _native_cudnn", few, {"attention": "_native_cudnn"}), ("fp8", few, {"quantisation": "fp8"}),
                     ("offload model", few, {"offload": "model"}), ("offload group", few, {"offload": "group"})]
        for label, clips, options in ways:
            took, held = asyncio.run(ours(folder, request, clips, **options))
            median = statistics.median(took)
            table.add_row(label, f"{median:.3f}", f"{median / base:.3f}", f"{held[0]} → {held[-1]}")
    Console().print(table)
