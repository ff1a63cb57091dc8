"""The central paper's formats once more, one example at a time: strings made of strings, as tasks.md shows them."""

from itertools import combinations

PARTS = ("input", "computation", "output", "variables", "remaining")


def subsets(parts=PARTS):
    """Every choice of parts."""
    return [list(chosen) for size in range(len(parts) + 1) for chosen in combinations(parts, size)]


def spaced(number):
    """A number with a space after its sign and between its digits."""
    return f"- {spaced(-number)}" if number < 0 else " ".join(str(number))


def think(steps, parts, sentence):
    """What is written: the steps, each a tuple of five strings, and the sentence."""
    if parts is None:
        return sentence
    marks = dict(zip(PARTS, ("in %s ", "comp %s ", "out %s ", "[ %s ] ", "re %s "), strict=True))
    said = [
        "".join(mark % text for (part, mark), text in zip(marks.items(), step, strict=True) if part in parts)
        for step in steps
    ]
    return f"Thinking step by step:  {' # '.join(said)} . Thus,  {sentence}"


def addition(first, second, parts, order="plain", width=None):
    """Two whole numbers; with a width they have leading zeros up to it, and their sum has one digit more."""

    def show(number, size, turned):
        text = str(number) if width is None else str(number).zfill(size)
        return " ".join(text[::-1] if turned else text) if size else ""

    length = width or len(str(max(first, second)))
    turned = order == "little_endian"
    steps, carry = [], 0
    for column in range(length + 1):
        one, other = first // 10**column % 10, second // 10**column % 10
        if column == length and not (carry or width):
            break
        sum_, plain, incoming = one + other + carry, one + other, carry
        carry = sum_ // 10
        left = [
            show(number // 10 ** (column + 1), max(length - column - 1, 0), turned)
            for number in (first, second)
        ]
        steps.append(
            (
                f"{one}, {other}",
                f"{one} + {other} + carry = {plain} + {incoming} = {sum_}",
                f"{sum_ % 10}",
                f"carry: {carry}",
                " + ".join(left),
            )
        )
    prompt = f"Compute {show(first, length, turned)} + {show(second, length, turned)} ? "
    answer = show(first + second, length + 1, order != "plain")
    return prompt, think(steps, parts, f"The answer is {answer}.")


def parity(bits, parts):
    """A list of bits."""
    steps, par = [], 0
    for index, bit in enumerate(bits):
        rest = ", ".join(map(str, bits[index + 1 :]))
        steps.append(
            (
                str(bit),
                f"{bit} ** par = {bit} ** {par}",
                str(bit ^ par),
                f"par: {bit ^ par}",
                f"[ {rest} ]",
            )
        )
        par ^= bit
    prompt = f"Is the number of 1's even in the sequence [ {', '.join(map(str, bits))} ] ? "
    return prompt, think(steps, parts, f"The answer is {'No' if sum(bits) % 2 else 'Yes'}.")


def sort(items, parts, key):
    """A list of strings, sorted by a key: the first that is least changes places with the first that is left."""
    left, steps = list(items), []
    while left:
        front, least = left[0], min(left, key=key)
        left[left.index(least)] = front
        left = left[1:]
        steps.append(
            (front, "The minimum of the unsorted portion", least, "nothing", f"[ {', '.join(left)} ]")
        )
    sentence = f"The sorted list is [ {', '.join(sorted(items, key=key))} ]."
    return f"Sort the following list [ {', '.join(items)} ]. ", think(steps, parts, sentence)


def total(terms, modulus, parts):
    """Numbers to add modulo another."""
    steps, before = [], 0
    for index, term in enumerate(terms):
        out, after = before + term, (before + term) % modulus
        steps.append(
            (
                spaced(term),
                f"{spaced(term)} + sum = {spaced(term)} + {spaced(before)} =",
                spaced(out),
                f"sum: {spaced(out)} = {after}",
                " + ".join(map(spaced, terms[index + 1 :])),
            )
        )
        before = after
    prompt = f"Compute: {' + '.join(map(spaced, terms))} ."
    return prompt, think(steps, parts, f"The answer is {spaced(sum(terms) % modulus)} .")


def poly(coefficients, exponents, x, modulus, parts):
    """A polynomial at a point."""
    terms = [f"{spaced(c)} * x ** {spaced(e)}" for c, e in zip(coefficients, exponents, strict=True)]
    steps, before = [], 0
    for index, (c, e) in enumerate(zip(coefficients, exponents, strict=True)):
        after = (before + c * x**e) % modulus
        steps.append(
            (
                terms[index],
                f"{spaced(c)} * {spaced(x)} ** {spaced(e)} = {spaced(c)} * {spaced(x**e)}",
                spaced(c * x**e),
                f"sum: {spaced(before)} + {spaced(c * x**e)} = {spaced(after)}",
                " + ".join(terms[index + 1 :]),
            )
        )
        before = after
    prompt = f"Evaluate at x = {spaced(x)} in {' + '.join(terms)} ? "
    value = sum(c * x**e for c, e in zip(coefficients, exponents, strict=True)) % modulus
    return prompt, think(steps, parts, f"The answer is {spaced(value)}.")


def lego(clauses, query, parts):
    """Clauses such as `a = +1` and `b = - a`, and the variable that is asked for."""
    sources = dict(clause.split(" = ") for clause in clauses)
    chain = [query]
    while sources[chain[-1]][1:] != "1":
        chain.append(sources[chain[-1]][2:])
    steps, left, values = [], list(clauses), {}
    for variable in reversed(chain):
        source = sources[variable]
        if source[1:] == "1":
            values[variable], computation = source, ""
        else:
            sign, name = source.split(" ")
            value = values[name]
            values[variable] = ("+" if sign == value[0] else "-") + "1"
            computation = f"{source} = {sign} {value}"
        left = [clause for clause in left if clause.split(" = ")[0] != variable]
        steps.append((variable, computation, values[variable], "nothing", ", ".join(left)))
    prompt = f"If {', '.join(clauses)}. Then, what is the value of {query}? "
    return prompt, think(steps, parts, f"The answer is {values[query]}.")
