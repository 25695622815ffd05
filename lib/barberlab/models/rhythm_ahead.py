"""The compiled numbers of what a client will do next: stay away, come back, and how often; from `rhythm`'s parameters.

Everything is exact given the parameters but for one integral, the time of the next visit, done by Gauss-Legendre in its
logarithm. Clients are worked through one by one, or in blocks with equal x, with the draws inside: nothing ever holds
draws x clients.
"""

import math

import numpy as np

from barberlab.models.rhythm import compiled, log_inverse_beta, log_survival

RHYTHM = "4572c18b12f28588"  # checksum of rhythm.py: when that changes this file does, and is compiled anew
POINTS = 24  # of the integral over the next visit's time; tests hold it against many more
NODES, WEIGHTS = np.polynomial.legendre.leggauss(POINTS)
MOST_VISITS = 2000  # in the time ahead
LOG_NOTHING = math.log(1e-8)  # a number of visits less likely than this is not looked at
WORTH_A_TABLE = 8  # clients of equal x; for fewer the table would cost more than it saves
BLOCK = 4096  # clients at once
DROP = 14.0  # log units below its peak, a density is nothing
FOREVER = 40.0  # the logarithm of a time after which nobody is waited for


# A client's state, given one draw of the parameters


@compiled
def _beta_tables(log_r, log_k, most):
    """(draw, member, x): -ln B(r + k x, k)."""
    table = np.empty((*log_k.shape, most + 1))
    for d in range(log_k.shape[0]):
        for j in range(log_k.shape[1]):
            for x in range(most + 1):
                table[d, j, x] = log_inverse_beta(math.exp(log_r[d]) + math.exp(log_k[d, j]) * x, math.exp(log_k[d, j]))
    return table


@compiled
def _linear(row, effects):
    """Sum of a client's covariates times their effects."""
    total = 0.0
    for p in range(row.shape[0]):
        total += row[p] * effects[p]
    return total


@compiled
def _lost(x, logit_dropout, log_kappa, first):
    """q, the odds of having been lost at the last visit against having stayed."""
    n = x + first
    if n == 0:
        return 0.0
    kappa, phi = math.exp(log_kappa), 1.0 / (1.0 + math.exp(-logit_dropout))
    return kappa * phi / (kappa * (1.0 - phi) + n - 1.0)


@compiled
def _log_gaps_of_member(x, log_gaps, alpha, A, r, k):
    """Log-likelihood of the gaps that ended, under shape k."""
    s = r + k * x
    return (k - 1.0) * log_gaps - x * math.lgamma(k) + math.lgamma(s) - math.lgamma(r) \
        + r * math.log(alpha / A) - k * x * math.log(A)  # fmt: skip


@compiled
def _quantile(ordered, share):
    """Of ordered values, by linear interpolation as numpy's default."""
    place = share * (ordered.shape[0] - 1)
    low = int(place)
    high = min(low + 1, ordered.shape[0] - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


@compiled
def no_visit(x, t_x, h, log_gaps, shop, z, rhythms, ahead, first, lower, upper):
    """P(no visit in the time `ahead`) of each client; with `ahead` infinite, 1 - P(alive).

    x, t_x, h [silence], log_gaps, shop: (client,), z (client, covariate); rhythms: the arrays of `Rhythms`, draw
    leading. Returns mean and the quantiles `lower` and `upper` over the draws, each (client,). With members j of weight
    w_j given the history: (q + I(h + ahead)) / (q + I(h)), w_j proportional to its likelihood.
    """
    log_rate, logit_dropout, log_r, log_kappa, log_k, log_weight, on_rate, on_dropout = rhythms
    draws, members = log_k.shape
    tables = _beta_tables(log_r, log_k, x.max())
    mean, low, high = np.empty(x.shape[0]), np.empty(x.shape[0]), np.empty(x.shape[0])
    values, shares, chances = np.empty(draws), np.empty(members), np.empty(members)
    for i in range(x.shape[0]):
        for d in range(draws):
            r = math.exp(log_r[d])
            rate = math.exp(log_rate[d, shop[i]] + _linear(z[i], on_rate[d]))
            q = _lost(x[i], logit_dropout[d, shop[i]] + _linear(z[i], on_dropout[d]), log_kappa[d], first)
            peak = -math.inf
            for j in range(members):
                k = math.exp(log_k[d, j])
                alpha = r / (rate * k)
                A, s = alpha + t_x[i], r + k * x[i]
                now = log_survival(s, k, h[i] / A, tables[d, j, x[i]])
                then = log_survival(s, k, (h[i] + ahead) / A, tables[d, j, x[i]])
                if q > 0.0:
                    chances[j] = (q + math.exp(then)) / (q + math.exp(now))
                else:
                    chances[j] = math.exp(then - now)
                if members > 1:
                    kept = math.log(q + math.exp(now)) if q > 0.0 else now
                    shares[j] = log_weight[d, j] + kept + _log_gaps_of_member(x[i], log_gaps[i], alpha, A, r, k)
                    peak = max(peak, shares[j])
            values[d] = chances[0]
            if members > 1:
                shares[:] = np.exp(shares - peak)
                values[d] = (shares * chances).sum() / shares.sum()
        mean[i] = values.mean()
        if draws > 1:
            values.sort()
        low[i], high[i] = _quantile(values, lower), _quantile(values, upper)
    return mean, low, high


# Expected visits


@compiled
def _renewals(t, A, s, k, kept, few):
    """sum over n of kept[n] P(n further visits within t), exact; s counts the gap that has just ended."""
    total = 0.0
    for n in range(kept.shape[0]):
        chance = kept[n] * math.exp(log_survival((n + 1) * k, s, A / t, log_inverse_beta((n + 1) * k, s)))
        total += chance
        if chance < few:
            break
    return total


@compiled
def _renewal_table(s, k, top):
    """(point, 2, n) values of P(n further visits within t) and their slopes on an even grid of angles, and its step.

    The angle is arctan sqrt(t / A) up to `top`; in it these chances are all about as steep, whatever their size.
    """
    z = math.sin(top) ** 2
    most = 1
    while most < MOST_VISITS and log_survival(most * k, s, (1 - z) / z, log_inverse_beta(most * k, s)) > LOG_NOTHING:
        most += 1
    points = math.ceil(8.0 * top * math.sqrt(most * k + s)) + 2
    step = top / (points - 1)
    table = np.zeros((points, 2, most))
    for p in range(1, points):
        angle = p * step
        sine, cosine = math.sin(angle), math.cos(angle)
        for n in range(most):
            log_b = log_inverse_beta((n + 1) * k, s)
            table[p, 0, n] = math.exp(log_survival((n + 1) * k, s, (cosine / sine) ** 2, log_b))
            log_slope = log_b + 2 * ((n + 1) * k * math.log(sine) + s * math.log(cosine))
            table[p, 1, n] = 2.0 * step * math.exp(log_slope) / (sine * cosine)
    return table, step


@compiled
def _looked_up(t, A, table, step, kept):
    """`_renewals` by cubic Hermite interpolation."""
    place = math.atan(math.sqrt(t / A)) / step
    p = min(int(place), table.shape[0] - 2)
    u = place - p
    v = 1.0 - u
    f0, d0, f1, d1 = v * v * (1 + 2 * u), u * v * v, u * u * (1 + 2 * v), -u * u * v
    total = 0.0
    for n in range(kept.shape[0]):
        before, after = f0 * table[p, 0, n] + d0 * table[p, 1, n], f1 * table[p + 1, 0, n] + d1 * table[p + 1, 1, n]
        total += kept[n] * (before + after)
    return total


@compiled
def _log_density(v, s, k):
    """ln of the density of v = ln(y / A), y the gap that ends next, but for -ln B(s, k)."""
    return k * v - (s + k) * (math.log1p(math.exp(v)) if v < 30.0 else v)


@compiled
def _reach(s, k):
    """(low, high) of ln(y / A) where that density has fallen by DROP from its peak at k / s."""
    peak = math.log(k / s)
    floor = _log_density(peak, s, k) - DROP
    ends = (-1.0, 1.0)
    found = np.empty(2)
    for side in range(2):
        inner, outer = 0.0, 1.0
        while _log_density(peak + ends[side] * outer, s, k) > floor and outer < FOREVER:
            inner, outer = outer, 2.0 * outer
        for _ in range(20):
            middle = 0.5 * (inner + outer)
            if _log_density(peak + ends[side] * middle, s, k) > floor:
                inner = middle
            else:
                outer = middle
        found[side] = peak + ends[side] * outer
    return found[0], found[1]


@compiled
def _visits(A, h, s, k, log_b, log_kept, ahead, kept, table, step, reach):
    """Expected visits in the time `ahead`, given the parameters: the next visit's time by quadrature, then renewals.

    In w = ln(1 + (y / y0)^c), c = min(k, 1), y0 = A k / (s + 1): even near y = 0, where the density rises like
    y^(k - 1), and in the long tail of a client hardly known. Divided by exp(log_kept) = q + I(h).
    """
    log_A, log_end, scale = math.log(A), math.log(h + ahead), math.log(A * k / (s + 1.0))
    log_start = math.log(h) if h > 0.0 else -math.inf
    if log_start < log_A + reach[1] and log_A + reach[0] < log_end:
        log_start, log_end = max(log_start, log_A + reach[0]), min(log_end, log_A + reach[1])
    c = min(k, 1.0)
    start, end = math.log1p(math.exp(c * (log_start - scale))), math.log1p(math.exp(c * (log_end - scale)))
    total, half = 0.0, 0.5 * (end - start)
    for g in range(NODES.shape[0]):
        w = start + half * (1.0 + NODES[g])
        stretched = math.exp(w) - 1.0
        v = scale - log_A + math.log(stretched) / c
        y = A * math.exp(v)
        weight = half * WEIGHTS[g] * math.exp(log_b + _log_density(v, s, k) - log_kept) * (1.0 + 1.0 / stretched) / c
        t, more = h + ahead - y, 0.0
        if weight < 1e-12 or t <= 0.0:
            more = 0.0
        elif step > 0.0 and (k > 2.0 or t > step * step * (A + y)):
            more = _looked_up(t, A + y, table, step, kept)
        else:
            more = _renewals(t, A + y, s + k, k, kept, 1e-9)
        total += weight * (1.0 + more)
    return total


@compiled
def _kept(kept, x, logit_dropout, log_kappa, first):
    """kept[n]: the chance to be there still after n + 1 more visits, for a client who has not been lost."""
    kappa, phi = math.exp(log_kappa), 1.0 / (1.0 + math.exp(-logit_dropout))
    stay, product = kappa * (1.0 - phi) + x + first - 1.0, 1.0
    for n in range(kept.shape[0]):
        product *= (stay + n + 1.0) / (kappa * phi + stay + n + 1.0)
        kept[n] = product


@compiled
def _block(block, x, t_x, h, log_gaps, shop, z, rhythm, ahead, first):
    """Expected visits of clients `block`, who all have made x repeat visits, under one draw of the parameters."""
    log_rate, logit_dropout, log_r, log_kappa, log_k, log_weight, on_rate, on_dropout = rhythm
    members, r = log_k.shape[0], math.exp(log_r)
    top, total = np.zeros(block.shape[0]), np.zeros(block.shape[0])
    peak = np.full(block.shape[0], -math.inf)
    for j in range(members):
        k = math.exp(log_k[j])
        s, log_b = r + k * x, log_inverse_beta(r + k * x, k)
        angle, reach = 0.0, _reach(s, k)
        for c in range(block.shape[0]):
            i = block[c]
            alpha = r / (k * math.exp(log_rate[shop[i]] + _linear(z[i], on_rate)))
            angle = max(angle, math.atan(math.sqrt(ahead / (alpha + t_x[i] + h[i]))))
        table, step, kept = np.zeros((1, 2, 1)), 0.0, np.empty(MOST_VISITS)
        if block.shape[0] >= WORTH_A_TABLE:
            table, step = _renewal_table(s + k, k, angle)
            kept = np.empty(table.shape[2])
        for c in range(block.shape[0]):
            i = block[c]
            alpha = r / (k * math.exp(log_rate[shop[i]] + _linear(z[i], on_rate)))
            A, dropout = alpha + t_x[i], logit_dropout[shop[i]] + _linear(z[i], on_dropout)
            q, log_i = _lost(x, dropout, log_kappa, first), log_survival(s, k, h[i] / A, log_b)
            log_kept = math.log(q + math.exp(log_i)) if q > 0.0 else log_i
            _kept(kept, x, dropout, log_kappa, first)
            visits = _visits(A, h[i], s, k, log_b, log_kept, ahead, kept, table, step, reach)
            share = 1.0
            if members > 1:
                mine = log_weight[j] + log_kept + _log_gaps_of_member(x, log_gaps[i], alpha, A, r, k)
                if mine > peak[c]:
                    top[c], total[c] = top[c] * math.exp(peak[c] - mine), total[c] * math.exp(peak[c] - mine)
                    peak[c] = mine
                share = math.exp(mine - peak[c])
            top[c] += share * visits
            total[c] += share
    return top / total


@compiled
def visits(x, t_x, h, log_gaps, shop, z, order, rhythms, ahead, first, lower, upper):
    """Expected visits of each client in the time `ahead`; as `no_visit`, with `order` the clients sorted by x.

    Chances of one, two, ... further visits after the next depend on x, not on the shop: they are tabulated once for all
    clients of equal x, in each draw.
    """
    log_rate, logit_dropout, log_r, log_kappa, log_k, log_weight, on_rate, on_dropout = rhythms
    draws = log_r.shape[0]
    mean, low, high = np.empty(x.shape[0]), np.empty(x.shape[0]), np.empty(x.shape[0])
    begin = 0
    while begin < order.shape[0]:
        end = begin + 1
        while end < order.shape[0] and end - begin < BLOCK and x[order[end]] == x[order[begin]]:
            end += 1
        block = order[begin:end]
        values = np.empty((block.shape[0], draws))
        for d in range(draws):
            one = (
                log_rate[d],
                logit_dropout[d],
                log_r[d],
                log_kappa[d],
                log_k[d],
                log_weight[d],
                on_rate[d],
                on_dropout[d],
            )
            values[:, d] = _block(block, x[block[0]], t_x, h, log_gaps, shop, z, one, ahead, first)
        for c in range(block.shape[0]):
            i = block[c]
            mean[i] = values[c].mean()
            if draws > 1:
                values[c].sort()
            low[i], high[i] = _quantile(values[c], lower), _quantile(values[c], upper)
        begin = end
    return mean, low, high


# When


@compiled
def _still_silent(u, A, h, s, k, log_b, weight):
    """Mean over draws and members of the weighted chance that a gap outlasts h + u."""
    total = 0.0
    for d in range(A.shape[0]):
        for j in range(A.shape[1]):
            total += weight[d, j] * math.exp(log_survival(s[d, j], k[d, j], (h + u) / A[d, j], log_b[d, j]))
    return total


@compiled
def _outlasted(share, A, h, s, k, log_b, weight):
    """The time u at which a gap that has outlasted h has outlasted h + u with chance `share`, by bisection in ln u."""
    sure = _still_silent(0.0, A, h, s, k, log_b, weight)
    low, high = -20.0, math.log(A[0, 0] * k[0, 0] / s[0, 0] + h)
    while high < FOREVER and _still_silent(math.exp(high), A, h, s, k, log_b, weight) > share * sure:
        low, high = high, high + 1.0
    while high - low > 1e-7:
        middle = 0.5 * (low + high)
        if _still_silent(math.exp(middle), A, h, s, k, log_b, weight) > share * sure:
            low = middle
        else:
            high = middle
    return math.exp(0.5 * (low + high)) if high < FOREVER else math.inf


@compiled
def outlasted(x, t_x, since, log_gaps, shop, z, rhythms, shares, first):
    """(client, share) the time after silence `since` by which the client has come with chance 1 - share, if not lost.

    As `no_visit`, with since (client,) the silence from which it is counted: the present one for what is to come now, 0
    for the gap as it was to be expected at the last visit. Mixed over draws and members with the weight that each gives
    to a client who is not lost.
    """
    log_rate, logit_dropout, log_r, log_kappa, log_k, log_weight, on_rate, on_dropout = rhythms
    draws, members = log_k.shape
    answer = np.empty((x.shape[0], shares.shape[0]))
    tables = _beta_tables(log_r, log_k, x.max())
    A, s, log_b, weight = np.empty((4, draws, members))
    k = np.exp(log_k)
    for i in range(x.shape[0]):
        for d in range(draws):
            rate = math.exp(log_rate[d, shop[i]] + _linear(z[i], on_rate[d]))
            q = _lost(x[i], logit_dropout[d, shop[i]] + _linear(z[i], on_dropout[d]), log_kappa[d], first)
            r, peak, kept = math.exp(log_r[d]), -math.inf, 0.0
            for j in range(members):
                alpha = r / (rate * k[d, j])
                A[d, j], s[d, j], log_b[d, j] = alpha + t_x[i], r + k[d, j] * x[i], tables[d, j, x[i]]
                weight[d, j] = log_weight[d, j] + _log_gaps_of_member(x[i], log_gaps[i], alpha, A[d, j], r, k[d, j])
                peak = max(peak, weight[d, j])
            for j in range(members):
                weight[d, j] = math.exp(weight[d, j] - peak)
                kept += weight[d, j] * (q + math.exp(log_survival(s[d, j], k[d, j], since[i] / A[d, j], log_b[d, j])))
            for j in range(members):
                weight[d, j] /= kept
        for n in range(shares.shape[0]):
            answer[i, n] = _outlasted(shares[n], A, since[i], s, k, log_b, weight)
    return answer
