"""Tiny video pipelines on disk: the real classes of diffusers with random weights, half a megabyte each, nothing is fetched.

They go through the real loading and sampling code. What they render is noise, always the same for the same seed.

    def test_…(tiny_pipelines: dict[str, Path]) -> None:
        backend = load("diffusers", str(tiny_pipelines["wan"]))

Made once per test session, in a process of their own: tests that only start children never import torch.
"""
from __future__ import annotations

import fcntl
import os
import string
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from . import environment

SEED = 0
FRAME_RULES = {"wan": 4, "wan-i2v": 4, "wan-v2v": 4, "ltx": 8, "ltx-i2v": 8, "cogvideox": 4, "cogvideox-v2v": 4,
               "ltx2": 8}
"""Name → n where the number of frames is a multiple of n, plus 1."""


@pytest.fixture(scope="session")
def tiny_pipelines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name → folder: `wan` (text, and picture and video by its siblings, as Wan 2.2 TI2V), `wan-i2v`, `wan-v2v`, `ltx`,
    `ltx-i2v`, `cogvideox`, `cogvideox-v2v`, `ltx2` (with sound). All workers of a session share them.
    """
    environment.require("torch")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "tiny-pipelines"
    with (folder.parent / "tiny-pipelines.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            half = folder.with_suffix(".half")
            subprocess.run([sys.executable, "-m", "tests.support.pipelines", str(half)], cwd=environment.ROOT, check=True,
                           env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, timeout=150)
            half.rename(folder)
    return {name: folder / name for name in FRAME_RULES}


LETTERS = ("▁", *sorted({*string.ascii_letters, *string.digits, *string.punctuation}))


def _tokenizer() -> Any:
    """One token a character."""
    from transformers import T5Tokenizer

    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((letter, -3.0) for letter in LETTERS)]
    return T5Tokenizer(vocab=vocabulary, extra_ids=0, model_max_length=512)


def _text_encoder(size: int, kind: str = "T5") -> Any:
    import transformers

    config = getattr(transformers, f"{kind}Config")(
        vocab_size=size, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, relative_attention_num_buckets=8,
        dropout_rate=0.0, decoder_start_token_id=0)
    return _seeded(lambda: getattr(transformers, f"{kind}EncoderModel")(config))


def _seeded(make: Callable[[], Any]) -> Any:
    import torch

    torch.manual_seed(SEED)
    return make().eval()


def wan(kind: str, channels: int = 16, **more: Any) -> Any:
    """A pipeline of the Wan family: 16 latent channels; 36 for pictures in the manner of Wan 2.1."""
    import diffusers

    tokenizer = _tokenizer()
    return getattr(diffusers, kind)(
        tokenizer=tokenizer, text_encoder=_text_encoder(len(tokenizer), "UMT5"),
        vae=_seeded(lambda: diffusers.AutoencoderKLWan(
            base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True])),
        transformer=_seeded(lambda: diffusers.WanTransformer3DModel(
            patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=channels, out_channels=16,
            text_dim=32, freq_dim=256, ffn_dim=32, num_layers=2, cross_attn_norm=True, qk_norm="rms_norm_across_heads",
            rope_max_seq_len=64)),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0), **more)


def ltx(kind: str) -> Any:
    """A pipeline of the LTX-Video family."""
    import diffusers

    tokenizer = _tokenizer()
    return getattr(diffusers, kind)(
        tokenizer=tokenizer, text_encoder=_text_encoder(len(tokenizer)),
        vae=_seeded(lambda: diffusers.AutoencoderKLLTXVideo(
            in_channels=3, out_channels=3, latent_channels=8, block_out_channels=(8, 8, 8, 8),
            decoder_block_out_channels=(8, 8, 8, 8), layers_per_block=(1,) * 5, decoder_layers_per_block=(1,) * 5,
            spatio_temporal_scaling=(True, True, False, False), decoder_spatio_temporal_scaling=(True, True, False, False),
            decoder_inject_noise=(False,) * 5, upsample_residual=(False,) * 4, upsample_factor=(1,) * 4,
            timestep_conditioning=False, patch_size=1, patch_size_t=1, encoder_causal=True, decoder_causal=False)),
        transformer=_seeded(lambda: diffusers.LTXVideoTransformer3DModel(
            in_channels=8, out_channels=8, patch_size=1, patch_size_t=1, num_attention_heads=4, attention_head_dim=8,
            cross_attention_dim=32, num_layers=1, caption_channels=32)),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler())


def cogvideox(kind: str) -> Any:
    """A pipeline of the CogVideoX family."""
    import diffusers

    tokenizer = _tokenizer()
    return getattr(diffusers, kind)(
        tokenizer=tokenizer, text_encoder=_text_encoder(len(tokenizer)),
        vae=_seeded(lambda: diffusers.AutoencoderKLCogVideoX(
            in_channels=3, out_channels=3, down_block_types=("CogVideoXDownBlock3D",) * 4,
            up_block_types=("CogVideoXUpBlock3D",) * 4, block_out_channels=(8, 8, 8, 8), latent_channels=4,
            layers_per_block=1, norm_num_groups=2, temporal_compression_ratio=4)),
        transformer=_seeded(lambda: diffusers.CogVideoXTransformer3DModel(
            num_attention_heads=4, attention_head_dim=8, in_channels=4, out_channels=4, time_embed_dim=2, text_embed_dim=32,
            num_layers=1, sample_width=2, sample_height=2, sample_frames=9, patch_size=2, temporal_compression_ratio=4,
            max_text_seq_length=226)),
        scheduler=diffusers.DDIMScheduler())


def ltx2() -> Any:
    """A pipeline of the LTX-2 family, which makes sound too: 24 kHz, stereo. It is called with
    `spatio_temporal_guidance_blocks=[1]`, as the real one has 48 blocks and this one two.
    """
    import diffusers
    import transformers
    from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors
    from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder

    special = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>")
    tokenizer = transformers.GemmaTokenizer(vocab={token: number for number, token in enumerate((*special, *LETTERS))}, merges=[])
    text = transformers.Gemma3TextConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, max_position_embeddings=1024, sliding_window=64)
    vision = transformers.SiglipVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
    config = transformers.Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4, image_token_index=4,
                                       boi_token_index=4, eoi_token_index=4)
    heads = {f"{kind}_connector_{name}": value for kind in ("video", "audio") for name, value in (
        ("num_attention_heads", 2), ("attention_head_dim", 8), ("num_layers", 1), ("num_learnable_registers", None))}
    return diffusers.LTX2Pipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(), tokenizer=tokenizer,
        text_encoder=_seeded(lambda: transformers.Gemma3ForConditionalGeneration(config)),
        connectors=_seeded(lambda: LTX2TextConnectors(caption_channels=16, text_proj_in_factor=3, **heads)),
        transformer=_seeded(lambda: diffusers.LTX2VideoTransformer3DModel(
            in_channels=8, out_channels=8, num_attention_heads=2, attention_head_dim=8, cross_attention_dim=16, num_layers=2,
            caption_channels=16, audio_in_channels=8, audio_out_channels=8, audio_num_attention_heads=2,
            audio_attention_head_dim=4, audio_cross_attention_dim=8)),
        vae=_seeded(lambda: diffusers.AutoencoderKLLTX2Video(
            latent_channels=8, block_out_channels=(8, 16, 32, 64), decoder_block_out_channels=(8, 16, 32),
            layers_per_block=(1,) * 5, decoder_layers_per_block=(1,) * 4, decoder_spatial_padding_mode="zeros",
            spatial_compression_ratio=32, temporal_compression_ratio=8)),
        audio_vae=_seeded(lambda: diffusers.AutoencoderKLLTX2Audio(
            base_channels=8, ch_mult=(1, 1, 1), num_res_blocks=1, latent_channels=2, mel_bins=16)),
        vocoder=_seeded(lambda: LTX2Vocoder(in_channels=32, hidden_channels=64)))


MAKERS: dict[str, Callable[[], Any]] = {
    "wan": lambda: wan("WanPipeline", transformer_2=None, expand_timesteps=True),
    "wan-i2v": lambda: wan("WanImageToVideoPipeline", channels=36, image_encoder=None, image_processor=None, transformer_2=None),
    "wan-v2v": lambda: wan("WanVideoToVideoPipeline"),
    "ltx": lambda: ltx("LTXPipeline"),
    "ltx-i2v": lambda: ltx("LTXImageToVideoPipeline"),
    "cogvideox": lambda: cogvideox("CogVideoXPipeline"),
    "cogvideox-v2v": lambda: cogvideox("CogVideoXVideoToVideoPipeline"),
    "ltx2": ltx2,
}


def build(folder: Path, *names: str) -> None:
    """Write pipelines (all without names) into folders named after them."""
    for name in names or MAKERS:
        MAKERS[name]().save_pretrained(folder / name, safe_serialization=True)


if __name__ == "__main__":
    build(Path(sys.argv[1]), *sys.argv[2:])
