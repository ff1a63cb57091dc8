"""Words that users of Lightning, Hugging Face and Weights & Biases know, and the options of lengen that they mean."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from lengen.config.errors import nearest

MEANT: Mapping[str, str] = {
    "steps": (
        "max_steps num_steps n_steps total_steps training_steps train_steps max_train_steps "
        "num_train_steps num_training_steps max_iters train_iters num_iters n_iters iterations"
    ),
    "batch_size": (
        "per_device_train_batch_size per_gpu_train_batch_size train_batch_size micro_batch_size "
        "global_batch_size batch batchsize minibatch_size bs"
    ),
    "optimizer.lr": "learning_rate lr base_lr max_lr peak_lr",
    "optimizer.weight_decay": "weight_decay wd",
    "optimizer.momentum": "momentum sgd_momentum",
    "optimizer.betas": "adam_beta1 adam_beta2 beta1 beta2 adam_betas",
    "optimizer.schedule.warmup": "warmup_steps num_warmup_steps lr_warmup_steps warmup_iters warmup",
    "optimizer.schedule.final": "min_lr min_lr_ratio final_lr",
    "optimizer": "optim optimizer_type optimizer_name",
    "decoder.layers": "n_layer n_layers num_layers num_hidden_layers num_decoder_layers num_blocks n_blocks nlayers num_layer",
    "decoder.encoder": "num_encoder_layers n_encoder_layers encoder_layers encoder_depth",
    "decoder.heads": "n_head n_heads num_heads num_attention_heads nhead nheads",
    "decoder.dim": "d_model n_embd hidden_size embed_dim embedding_dim hidden_dim model_dim emb_dim width",
    "decoder.hidden": "intermediate_size d_ff ffn_dim n_inner dim_feedforward ffn_hidden_size ff_dim mlp_dim mlp_ratio ff_mult",
    "decoder.activation": "hidden_act activation_function act_fn",
    "decoder.dropout": "hidden_dropout_prob resid_pdrop embd_pdrop dropout_rate dropout_p resid_dropout",
    "decoder.tied": "tie_word_embeddings tie_weights tie_embeddings weight_tying",
    "decoder": "model model_name model_type model_name_or_path architecture",
    "train_length": (
        "max_seq_len max_seq_length seq_len seq_length block_size context_length max_length max_train_length"
    ),
    "eval.lengths": "test_lengths eval_length eval_lengths test_length max_eval_length",
    "pe.maximum": "max_position_embeddings n_positions max_positions",
    "pe": (
        "position_embedding_type pos_emb pos_encoding positional_encoding position_encoding positional_embedding "
        "use_rope use_alibi rope alibi rotary"
    ),
    "pe.base": "rope_theta rotary_emb_base rope_base",
    "pe.fraction": "rotary_pct partial_rotary_factor rotary_dim",
    "attention": "attn_implementation attention_type attn attn_type",
    "trainer.devices": "devices gpus num_gpus n_gpus n_gpu gpu_ids nproc_per_node world_size num_processes",
    "trainer.strategy": "strategy ddp fsdp sharded_ddp distributed_backend backend parallelism",
    "trainer.accumulate": "accumulate_grad_batches gradient_accumulation_steps grad_accum",
    "trainer.keep": "save_total_limit save_top_k save_last save_strategy save_only_model enable_checkpointing always_save_checkpoint",
    "trainer.clip": "gradient_clip_val max_grad_norm grad_clip clip_grad_norm gradient_clipping",
    "trainer.precision": "precision bf16 fp16 mixed_precision amp dtype torch_dtype fp32",
    "trainer.accelerator": "accelerator device gpu use_cpu no_cuda cuda use_cuda use_gpu use_mps_device",
    "trainer.threads": "num_threads n_threads torch_threads",
    "trainer.log_every": "logging_steps log_every_n_steps log_interval log_freq",
    "trainer.probe_every": "eval_steps val_check_interval eval_interval check_val_every_n_epoch eval_every validation_steps",
    "trainer.probe_examples": "limit_val_batches eval_iters",
    "trainer.checkpoint_every": "save_steps every_n_train_steps save_interval save_every checkpoint_interval",
    "trainer.progress": "enable_progress_bar disable_tqdm progress_bar_refresh_rate",
    "trainer.examples": "max_train_samples limit_train_batches train_size num_train_samples",
    "eval.examples": "max_eval_samples limit_test_batches num_eval_samples test_size n_test",
    "eval.checkpoint": "load_best_model_at_end metric_for_best_model",
    "eval.decode": "do_sample predict_with_generate num_beams generation_config",
    "seed": "seed_everything random_seed manual_seed global_seed rng_seed",
    "logger": "report_to use_wandb wandb wandb_log log_to_wandb",
    "logger.project": "project wandb_project project_name",
    "logger.entity": "entity wandb_entity",
    "logger.tags": "tags wandb_tags",
    "logger.notes": "notes wandb_notes",
    "logger.group": "group wandb_group wandb_run_group",
    "logger.log_model": "log_model wandb_log_model",
    "logger.gradients": "watch wandb_watch",
    "logger.mode": "wandb_mode offline",
    "name": "run_name experiment_name wandb_name wandb_run_name",
    "results_dir": "output_dir default_root_dir save_dir log_dir logging_dir out_dir",
    "force": "overwrite_output_dir overwrite",
    "task": "dataset dataset_name data",
    "task.path": "data_path train_file data_dir data_files dataset_path",
    "task.length": "length_column_name length_column",
    "task.tokens": "tokenizer tokenizer_name tokenizer_path",
    "dry": "fast_dev_run dry_run dryrun debug",
}
"""By option: the words that mean it elsewhere."""

ABSENT: Mapping[str, str] = {
    "max_epochs num_train_epochs num_epochs n_epochs epochs epoch min_epochs": "training draws new examples at every step; steps sets how long it is",
    "max_time max_minutes max_hours": "steps sets how long it is, and an interrupted run goes on where it was",
    "num_nodes nnodes tpu_cores": "a run uses the devices of one machine (trainer.devices)",
    "deepspeed": "several devices are used by trainer=ddp or trainer=fsdp",
    "gradient_checkpointing use_cache torch_compile compile": "it changes speed and memory alone; decoder sets the size",
    "per_device_eval_batch_size eval_batch_size val_batch_size test_batch_size": "evaluation divides its examples by itself; eval.examples sets how many there are",
    "warmup_ratio warmup_fraction": "warm-up is a number of steps (optimizer.schedule.warmup)",
    "lr_scheduler lr_scheduler_type scheduler schedule_type lr_schedule decay_lr lr_decay_iters": "every optimizer has a linear warm-up and a cosine decay (optimizer.schedule.warmup and optimizer.schedule.final)",
    "adam_epsilon eps epsilon": "optimizers have torch's own",
    "label_smoothing label_smoothing_factor": "the loss is the cross-entropy of the answer",
    "num_workers dataloader_num_workers pin_memory dataloader_pin_memory prefetch_factor": "examples are drawn where they are used; trainer.threads sets the CPU threads",
    "resume resume_from_checkpoint ckpt_path resume_from resume_id checkpoint_path init_from": "the same command resumes an interrupted run, and from= goes on from a finished one with more steps",
    "monitor": "a run keeps its last checkpoint and the best on ID (trainer.keep, eval.checkpoint)",
    "callbacks callback plugins profiler num_sanity_val_steps": "Lightning's loop is set up by lengen alone; trainer has what may be chosen",
    "early_stopping early_stopping_patience patience min_delta": "all runs of a cell train for the same steps",
    "evaluation_strategy eval_strategy logging_strategy do_train do_eval do_predict": "a run trains and then evaluates; trainer.probe_every sets the probes in between",
    "push_to_hub hub_model_id hub_token upload": "results stay in results_dir; lengen data export= writes a data set",
    "deterministic benchmark detect_anomaly full_determinism": "every draw has a key already (seed)",
    "vocab_size pad_token_id eos_token_id bos_token_id num_labels": "the task has its vocabulary; decoder.bos sets the bos token",
    "auto_lr_find auto_scale_batch_size lr_find": "nothing is tuned by itself; -m tries several values",
    "max_new_tokens top_k top_p temperature repetition_penalty generation_max_length": "decoding takes the likeliest token until the end token (eval.decode)",
    "attention_dropout attention_probs_dropout_prob attn_pdrop attn_dropout": "weights of attention are not dropped; decoder.dropout is that of embeddings and blocks",
    "layer_norm_eps layer_norm_epsilon rms_norm_eps norm_type normalization": "blocks have RMSNorm",
    "num_key_value_heads n_kv_heads num_kv_heads": "every head has its own keys and values (decoder.heads)",
    "rope_scaling rope_type": "pe.base sets the base of training; a trained run is evaluated with scaled positions by lengen eval run=… extend=yarn (lengen list extend)",
    "initializer_range init_std": "initial weights depend on the width; init_seed draws them",
    "job_type": "lengen sets it from the configuration; name and the options of logger=wandb are free",
    "metric metrics compute_metrics": "all metrics are in curve.csv; lengen compare metric= chooses one",
    "shuffle drop_last val_split validation_split test_split split": "training, test set and probes are drawn with different keys (data_seed, eval.seed)",
}
"""By the words for what lengen does not have: why, and what to use."""

VALUES: Mapping[str, str] = {
    "gpu": "cuda",
    "metal": "mps",
    "fp32": "float32",
    "32": "float32",
    "32-true": "float32",
    "bfloat16": "bf16",
    "bf16-mixed": "bf16",
    "16": "",
    "fp16": "",
    "16-mixed": "",
    "float16": "",
    "relu": "",
    "silu": "",
    "greedy_search": "greedy",
    "generate": "free",
}
"""Names of values elsewhere, and those that lengen has for them; an empty text where it has none, and none is suggested."""

VALUED = ("trainer.accelerator", "trainer.precision", "eval.decode")
"""Options of these values."""

_OPTIONS = {word: option for option, words in MEANT.items() for word in words.split()}
_REASONS = {word: reason for words, reason in ABSENT.items() for word in words.split()}


def foreign_words() -> list[str]:
    """Return all words of the tables."""
    return [*_OPTIONS, *_REASONS]


def foreign_word(option: str, known: Collection[str] = (), value: str = "") -> str:
    """Explain an unknown option that other libraries have; an empty text if none has.

    Args:
        option: the option, such as `max_steps` or `trainer.max_steps`.
        known: the options of the command; a word leads only to one of them, if they are given.
        value: what it was set to; a value that has another name in lengen is named, too.

    >>> foreign_word("trainer.max_steps")
    "; in lengen this is 'steps'"
    >>> foreign_word("precision", value="bf16-mixed")
    "; in lengen this is 'trainer.precision=bf16'"
    """
    word = re.sub("[-/]", "_", option.lower()).rpartition(".")[2]
    meant = _OPTIONS.get(word, "")
    if meant and (not known or meant in known or meant.partition(".")[0] in known):
        named = VALUES.get(value.lower(), "") if meant in VALUED else ""
        return f"; in lengen this is {f'{meant}={named}' if named else meant!r}"
    if word in _REASONS:
        return f"; lengen has no such option, because {_REASONS[word]}"
    return ""


def nearest_value(value: str, choices: Collection[str]) -> str:
    """Suggest the choice that a value of another library means, else the nearest ones; an empty text if there are none."""
    if value.lower() not in VALUES:
        return nearest(value, choices)
    meant = VALUES[value.lower()]
    return f"; did you mean {meant!r}?" if meant in choices else ""
