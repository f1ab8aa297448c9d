"""Workers: the functions that do what rows ask for, run inside `fedisora serve` or by arq on other machines."""
