"""Writes solve.json: what LAPACK, through numpy and scipy, makes of small
matrices. Run: python3 solve.py > solve.json
"""
import json
import numpy as np
import scipy.linalg as sl
import scipy.optimize as so

rng = np.random.default_rng(11)


def flat(**fields):
    return {k: v.ravel().tolist() if isinstance(v, np.ndarray) else v for k, v in fields.items()}


def hilbert(n):
    return np.array([[1 / (i + j + 1) for j in range(n)] for i in range(n)])


def spd(name, a):
    inverse = np.linalg.inv(a)
    return flat(name=name, n=len(a), a=a, l=np.linalg.cholesky(a), inverse=inverse,
                upper=sl.cholesky((inverse + inverse.T) / 2))


def qr(name, a):
    q, r = sl.qr(a, mode="economic")
    s = np.where(np.diag(r) < 0, -1.0, 1.0)
    return flat(name=name, rows=a.shape[0], cols=a.shape[1], a=a, q=q * s, r=s[:, None] * r)


def least(name, a, b, damping):
    x, _, rank, _ = sl.lstsq(a, b, cond=max(a.shape) * 2.0**-52)
    ridge = np.linalg.solve(a.T @ a + damping * np.eye(a.shape[1]), a.T)
    return flat(name=name, rows=a.shape[0], cols=a.shape[1], rhs=b.shape[1], a=a, b=b, x=x, rank=int(rank),
                pinv=sl.pinv(a, rtol=max(a.shape) * 2.0**-52), damping=damping, ridge=ridge)


def procrustes(a, b):
    q, total = sl.orthogonal_procrustes(a, b)
    return flat(rows=a.shape[0], cols=a.shape[1], a=a, b=b, q=q, scale=float(total / np.sum(a * a)))


def assignment(name, cost, unique):
    r, c = so.linear_sum_assignment(cost)
    s, d = so.linear_sum_assignment(cost, maximize=True)
    pick = lambda r, c: [int(dict(zip(r, c)).get(i, -1)) for i in range(cost.shape[0])]
    return flat(name=name, rows=cost.shape[0], cols=cost.shape[1], cost=cost, unique=unique,
                least=pick(r, c), leastsum=float(cost[r, c].sum()), most=pick(s, d), mostsum=float(cost[s, d].sum()))


def normal(m, n):
    return np.round(rng.standard_normal((m, n)), 3)


x = normal(7, 7)
a53, b53 = normal(5, 3), normal(5, 3)
low = np.outer(np.arange(1, 7), [1.0, -2, 3, 1]) + np.outer([1.0, 0, 2, 0, -1, 1], [0.0, 1, 1, 2])
print(json.dumps(dict(
    spd=[spd("random 7", np.round(x @ x.T + 0.5 * np.eye(7), 3)), spd("hilbert 5", hilbert(5)), spd("one", np.array([[4.0]]))],
    qr=[qr("8 x 5", normal(8, 5)), qr("5 x 8", normal(5, 8)), qr("6 x 6", normal(6, 6)), qr("1 x 5", normal(1, 5)), qr("5 x 1", normal(5, 1))],
    least=[least("tall", normal(8, 4), normal(8, 2), 0.25), least("wide", normal(4, 8), normal(4, 2), 0.25),
           least("square", normal(5, 5), normal(5, 1), 0.5), least("rank 2 of 4, tall", low, normal(6, 2), 0.1),
           least("rank 2 of 4, wide", low.T.copy(), normal(4, 2), 0.1), least("one row", normal(1, 4), normal(1, 1), 0.1),
           least("hilbert 4", hilbert(4), normal(4, 1), 0.01)],
    procrustes=[procrustes(a53, b53), procrustes(normal(9, 4), normal(9, 4))],
    assignment=[assignment("square", normal(9, 9), True), assignment("wide", normal(4, 9), True), assignment("tall", normal(9, 4), True),
                assignment("ties", rng.integers(0, 3, (8, 8)).astype(float), False),
                assignment("ties, wide", rng.integers(0, 3, (5, 8)).astype(float), False),
                assignment("ties, tall", rng.integers(0, 3, (8, 5)).astype(float), False),
                assignment("all equal", np.ones((4, 4)), False), assignment("one", np.array([[2.0]]), True),
                assignment("random 40", normal(40, 40), True)],
)))
