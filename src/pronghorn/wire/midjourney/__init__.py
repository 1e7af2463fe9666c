"""Midjourney's words as proxies of it speak them: buttons and their ids, codes, prompts, tasks. No I/O."""
