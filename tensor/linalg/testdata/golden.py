"""Writes golden.json: matrices, their singular values and eigenvalues.

Values of LAPACK through numpy, or of mpmath with 60 digits where "exact" is
set. Run: python3 golden.py > golden.json
"""
import json
import mpmath
import numpy as np

mpmath.mp.dps = 60
rng = np.random.default_rng(7)


def exact_values(a):
    s = mpmath.svd_r(mpmath.matrix(a.tolist()), compute_uv=False)
    return sorted((float(v) for v in s), reverse=True)


def singular(name, a, exact=False):
    s = exact_values(a) if exact else np.linalg.svd(a, compute_uv=False).tolist()
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    for k in range(u.shape[1]):
        if u[np.argmax(np.abs(u[:, k])), k] < 0:
            u[:, k], vt[k] = -u[:, k], -vt[k]
    return dict(name=name, rows=a.shape[0], cols=a.shape[1], a=a.ravel().tolist(), s=s, exact=exact,
                u0=u[:, 0].tolist(), v0=vt[0].tolist())


def symmetric(name, a):
    w, v = np.linalg.eigh(a)
    top = v[:, -1] * np.sign(v[np.argmax(np.abs(v[:, -1])), -1])
    return dict(name=name, n=a.shape[0], a=a.ravel().tolist(), values=w.tolist(), last=top.tolist())


def hilbert(n):
    return np.array([[1 / (i + j + 1) for j in range(n)] for i in range(n)])


graded = np.round(rng.standard_normal((12, 8)), 3) * 10.0 ** (-4 * np.arange(8))
square = np.round(rng.standard_normal((40, 40)), 2)
print(json.dumps(dict(
    svd=[
        singular("random 9 x 6", np.round(rng.standard_normal((9, 6)), 3)),
        singular("random 6 x 9", np.round(rng.standard_normal((6, 9)), 3)),
        singular("random 40 x 40", square),
        singular("random 80 x 26", np.round(rng.standard_normal((80, 26)), 2)),
        singular("hilbert 8", hilbert(8)),
        singular("hilbert 30", hilbert(30)),
        singular("columns graded over 28 decades", graded, exact=True),
        singular("rows graded over 28 decades", graded.T.copy(), exact=True),
    ],
    symmetric=[
        symmetric("random 6", np.round(np.tril(square[:6, :6]) + np.tril(square[:6, :6], -1).T, 3)),
        symmetric("random 40", np.round(square + square.T, 2)),
        symmetric("hilbert 30", hilbert(30)),
    ])))
