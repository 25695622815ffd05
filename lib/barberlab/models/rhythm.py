"""The compiled numbers of a client's rhythm: the likelihood of a history with its gradient, and what follows from it.

Visits come at gamma-distributed gaps of shape k around a client's own rate nu ~ Gamma(r, r / m); after each visit the
client is lost with its own chance p ~ Beta(a, b): MBG/CNBD-k, and BG/CNBD-k where nobody is lost at the first visit
(Reutterer, Platzer & Schroeder 2021, IJRM 38(4); k = 1 is MBG/NBD and BG/NBD of Fader, Hardie & Lee 2005). Integrated
over nu, the chance that a gap outlasts a silence h is the regularised incomplete beta

    I(h) = I_{A / (A + h)}(s, k),   alpha = r / (m k),   A = alpha + t_x,   s = r + k x,

for any real k > 0, here always as a logarithm in h / A, so that no state overflows and none loses its digits. With n
the visits at which the client might have been lost (x + 1; x in the BG variant) and q = a / (b + n - 1), 0 for n = 0:

    L(history) = (terms of the gaps) B(a, b + n) / B(a, b) (q + I(h)),    P(alive) = I(h) / (q + I(h)).

What follows for a client is in `rhythm_ahead`. A compiled function is kept on disk until its own file changes, whatever
becomes of what it calls: so that module names the checksum of this one, and a test compares them.
"""

import math

import numpy as np
from numba import njit

compiled = njit(cache=True, error_model="numpy", nogil=True)

TERMS = 5000  # of a continued fraction; it needs about sqrt(max(s, k))
PRECISE = 1e-15
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132)


# Gamma and beta functions


@compiled
def digamma(x: float) -> float:
    """d ln Gamma(x) / dx for x > 0, by recurrence and the asymptotic series (Abramowitz & Stegun 6.3.5, 6.3.18)."""
    below = 0.0
    while x < 10.0:
        below += 1.0 / x
        x += 1.0
    f = 1.0 / (x * x)
    series = f * (DIGAMMA[0] + f * (DIGAMMA[1] + f * (DIGAMMA[2] + f * (DIGAMMA[3] + f * DIGAMMA[4]))))
    return math.log(x) - 0.5 / x - series - below


@compiled
def _stirling_rest(x: float) -> float:
    f = 1.0 / (x * x)
    return (STIRLING[0] + f * (STIRLING[1] + f * (STIRLING[2] + f * (STIRLING[3] + f * STIRLING[4])))) / x


@compiled
def log_inverse_beta(s: float, k: float) -> float:
    """-ln B(s, k), to full precision also where s is many thousands (the difference of Stirling's series)."""
    if s < k:
        s, k = k, s
    if s < 12.0:
        return math.lgamma(s + k) - math.lgamma(s) - math.lgamma(k)
    grown = (s - 0.5) * math.log1p(k / s) + k * math.log(s + k) - k
    return grown + _stirling_rest(s + k) - _stirling_rest(s) - math.lgamma(k)


@compiled
def rise(b: float, n: int) -> tuple[float, float]:
    """ln Gamma(b + n) - ln Gamma(b) and its slope in b."""
    if n > 12:
        return math.lgamma(b + n) - math.lgamma(b), digamma(b + n) - digamma(b)
    product, slope = 1.0, 0.0
    for j in range(n):
        product *= b + j
        slope += 1.0 / (b + j)
    return math.log(product), slope


@compiled
def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of I_x(a, b) (Abramowitz & Stegun 26.5.8) by the recurrence of its convergents."""
    A0, A1, B0, B1 = 0.0, 1.0, 1.0, 1.0
    for m in range(TERMS):
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        A0, B0 = A1 + odd * A0, B1 + odd * B0
        even = (m + 1) * (b - m - 1) * x / ((a + 2 * m + 1) * (a + 2 * m + 2))
        A1, B1 = A0 + even * A1, B0 + even * B1
        if abs(A1 * B0 - A0 * B1) <= PRECISE * abs(A1 * B0):
            break
        if abs(B1) > 1e100:
            A0, A1, B0, B1 = A0 * 1e-100, A1 * 1e-100, B0 * 1e-100, B1 * 1e-100
    return A1 / B1


@compiled
def _fraction_slopes(a: float, b: float, x: float) -> tuple[float, float, float]:
    """The same with d ln / da and d ln / db, the recurrence differentiated (Boik & Robison-Cox 1998, JSS 3(1))."""
    A0, A1, B0, B1 = 0.0, 1.0, 1.0, 1.0
    aA0, aA1, aB0, aB1, bA0, bA1, bB0, bB1 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    by_a, by_b = 0.0, 0.0
    for m in range(TERMS):
        i, j = a + 2 * m, a + 2 * m + 1
        over = -x / (i * j)
        f = over * (a + m) * (a + b + m)
        fa, fb = over * (2 * a + b + 2 * m) - f * (i + j) / (i * j), over * (a + m)
        aA0, aB0 = aA1 + fa * A0 + f * aA0, aB1 + fa * B0 + f * aB0
        bA0, bB0 = bA1 + fb * A0 + f * bA0, bB1 + fb * B0 + f * bB0
        A0, B0 = A1 + f * A0, B1 + f * B0
        i, j = j, j + 1
        over = (m + 1) * x / (i * j)
        f = over * (b - m - 1)
        fa, fb = -f * (i + j) / (i * j), over
        aA1, aB1 = aA0 + fa * A1 + f * aA1, aB0 + fa * B1 + f * aB1
        bA1, bB1 = bA0 + fb * A1 + f * bA1, bB0 + fb * B1 + f * bB1
        A1, B1 = A0 + f * A1, B0 + f * B1
        if abs(A1 * B0 - A0 * B1) <= PRECISE * 10 * abs(A1 * B0):
            was_a, was_b = by_a, by_b
            by_a, by_b = aA1 / A1 - aB1 / B1, bA1 / A1 - bB1 / B1
            if abs(by_a - was_a) <= 1e-11 * abs(by_a) and abs(by_b - was_b) <= 1e-11 * abs(by_b):
                break
        if abs(B1) > 1e100:
            A0, A1, B0, B1 = A0 * 1e-100, A1 * 1e-100, B0 * 1e-100, B1 * 1e-100
            aA0, aA1, aB0, aB1 = aA0 * 1e-100, aA1 * 1e-100, aB0 * 1e-100, aB1 * 1e-100
            bA0, bA1, bB0, bB1 = bA0 * 1e-100, bA1 * 1e-100, bB0 * 1e-100, bB1 * 1e-100
    return A1 / B1, by_a, by_b


@compiled
def log_survival(s: float, k: float, y: float, log_b: float) -> float:
    """ln I_{1 / (1 + y)}(s, k), the chance that a gap outlasts the silence h = y A; log_b = -ln B(s, k)."""
    if y <= 0.0:
        return 0.0
    if y == math.inf:
        return -math.inf
    log_w, w = -math.log1p(y), 1.0 / (1.0 + y)
    front = log_b + s * log_w + k * (math.log(y) + log_w)
    if w < (s + 1.0) / (s + k + 2.0):
        return front + math.log(_fraction(s, k, w) / s)
    return math.log1p(-math.exp(front) * _fraction(k, s, y * w) / k)


@compiled
def log_survival_slopes(
    s: float, k: float, y: float, log_b: float, psi_s: float, psi_k: float
) -> tuple[float, float, float, float]:
    """ln I as `log_survival`, and its slopes in s, k and y; psi_s is psi(s + k) - psi(s), psi_k with k for s."""
    if y <= 0.0:
        return 0.0, 0.0, 0.0, 0.0
    log_w, w = -math.log1p(y), 1.0 / (1.0 + y)
    log_v = math.log(y) + log_w
    front = log_b + s * log_w + k * log_v
    if w < (s + 1.0) / (s + k + 2.0):
        value, by_s, by_k = _fraction_slopes(s, k, w)
        log_i = front + math.log(value / s)
        by_y = -math.exp(front - log_i) / y
        return log_i, psi_s + log_w + by_s - 1.0 / s, psi_k + log_v + by_k, by_y
    value, by_k, by_s = _fraction_slopes(k, s, y * w)
    lost = math.exp(front) * value / k
    odds = -lost / (1.0 - lost)
    by_y = -math.exp(front) / (y * (1.0 - lost))
    return math.log1p(-lost), odds * (psi_s + log_w + by_s), odds * (psi_k + log_v + by_k - 1.0 / k), by_y


# Tables over the number of visits, which is whole


@compiled
def gap_table(r: float, k: float, most: int) -> np.ndarray:
    """(x, 5) for x to `most`, s = r + k x: ln G(s) - ln G(r), -ln B(s, k), psi(s), psi_s, psi_k."""
    table = np.empty((most + 1, 5))
    log_r, psi_k = math.lgamma(r), digamma(k)
    for x in range(most + 1):
        s = r + k * x
        psi, psi_next = digamma(s), digamma(s + k)
        table[x, 0], table[x, 1] = math.lgamma(s) - log_r, log_inverse_beta(s, k)
        table[x, 2], table[x, 3], table[x, 4] = psi, psi_next - psi, psi_next - psi_k
    return table


@compiled
def rise_table(kappa: float, most: int) -> np.ndarray:
    """(n, 2): `rise(kappa, n)` for n to `most`."""
    table = np.empty((most + 1, 2))
    for n in range(most + 1):
        table[n, 0], table[n, 1] = rise(kappa, n)
    return table


# The likelihood


@compiled
def _member(x, t_x, h, log_gaps, log_rate, r, k, q, gaps, psi_r, log_gamma_k, psi_gamma_k):
    """One history's log-likelihood but for the terms of b, and its slopes in ln m, ln r, ln k and q."""
    alpha = r / (math.exp(log_rate) * k)
    A = alpha + t_x
    y = h / A
    log_i, by_s, by_k, by_y = log_survival_slopes(r + k * x, k, y, gaps[x, 1], gaps[x, 3], gaps[x, 4])
    if q > 0.0:
        kept = math.log(q + math.exp(log_i))
        alive, by_q = math.exp(log_i - kept), math.exp(-kept)
    else:
        kept, alive, by_q = log_i, 1.0, 0.0
    log_a, log_share = math.log(A), -math.log1p(t_x / alpha)
    value = (k - 1.0) * log_gaps - x * log_gamma_k + gaps[x, 0] + r * log_share - k * x * log_a + kept
    by_alpha = r - (r + k * x) * alpha / A - alive * by_y * y * alpha / A  # in ln alpha
    in_r = gaps[x, 2] - psi_r + log_share + alive * by_s
    in_k = log_gaps + x * (gaps[x, 2] - log_a - psi_gamma_k) + alive * (x * by_s + by_k)
    return value, -by_alpha, r * in_r + by_alpha, k * in_k - by_alpha, by_q


@compiled
def log_likelihood(x, t_x, h, log_gaps, log_rate, logit_dropout, log_r, log_kappa, log_k, log_weight, first):
    """Log-likelihood of each history and its slopes.

    x [repeat visits], t_x, h [time], log_gaps, log_rate (ln m), logit_dropout (of a / (a + b)): arrays (client,);
    log_kappa = ln(a + b); log_k, log_weight (member,): the shapes and their shares; first: 1 for MBG, 0 for BG. Returns
    (client,) log-likelihoods and slopes in log_rate and logit_dropout, and the summed slopes in log_r, log_kappa,
    log_k (member,), with the summed responsibility of each member.
    """
    clients, members = x.shape[0], log_k.shape[0]
    value, in_rate, in_dropout = np.empty(clients), np.empty(clients), np.empty(clients)
    in_r, in_kappa, in_k, share = 0.0, 0.0, np.zeros(members), np.zeros(members)
    r, kappa, k = math.exp(log_r), math.exp(log_kappa), np.exp(log_k)
    most = x.max()
    gaps = np.empty((members, most + 1, 5))
    for j in range(members):
        gaps[j] = gap_table(r, k[j], most)
    rises, psi_r = rise_table(kappa, most + 1), digamma(r)
    log_gamma_k = np.array([math.lgamma(shape) for shape in k])
    psi_gamma_k = np.array([digamma(shape) for shape in k])
    each = np.empty((members, 5))
    for i in range(clients):
        phi = 1.0 / (1.0 + math.exp(-logit_dropout[i]))
        a, b, n = kappa * phi, kappa * (1.0 - phi), x[i] + first
        q = a / (b + n - 1.0) if n > 0 else 0.0
        peak = -math.inf
        for j in range(members):
            one = _member(x[i], t_x[i], h[i], log_gaps[i], log_rate[i], r, k[j], q, gaps[j],
                          psi_r, log_gamma_k[j], psi_gamma_k[j])  # fmt: skip
            each[j, 0], each[j, 1], each[j, 2], each[j, 3], each[j, 4] = one
            each[j, 0] += log_weight[j]
            peak = max(peak, each[j, 0])
        total = 0.0
        for j in range(members):
            total += math.exp(each[j, 0] - peak)
        total = peak + math.log(total)
        in_rate[i], by_q = 0.0, 0.0
        for j in range(members):
            mine = math.exp(each[j, 0] - total)
            in_rate[i] += mine * each[j, 1]
            in_r += mine * each[j, 2]
            in_k[j] += mine * each[j, 3]
            by_q += mine * each[j, 4]
            share[j] += mine
        survived, by_b = rise(b, n)
        value[i] = total + survived - rises[n, 0]
        by_a = 0.0
        if n > 0:
            by_a = by_q / (b + n - 1.0)
            by_b -= by_q * q / (b + n - 1.0)
        in_dropout[i] = (by_a - by_b) * kappa * phi * (1.0 - phi)
        in_kappa += kappa * (by_a * phi + by_b * (1.0 - phi) - rises[n, 1])
    return value, in_rate, in_dropout, in_r, in_kappa, in_k, share
