"""Light curves of close and wide binaries in the Roche model: figures, eclipses, gravity and limb darkening, heating.

Each star's surface is cut into elements of equal solid angle. An element is seen if it faces the observer and does
not lie behind the other star's silhouette (Kopal 1959, "Close Binary Systems"; Wilson & Devinney 1971).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from starsieve.features.jit import plain
from starsieve.models.synthesis.epochs import Floats

N_ELEMENTS = 1000  # depths are good to about 0.3 %
N_SILHOUETTE = 64
N_ANGLES = 61  # half an orbit; the other half is its mirror image
BISECTIONS = 30
NECK_MARGIN = 1e-6
GRAZING = 0.05  # cosine between a normal and the radius below which an element counts as part of the neck


@dataclass(frozen=True)
class Binary:
    """One binary. Lengths in units of the separation, fluxes relative.

    mass_ratio secondary/primary; fill1, fill2: point radius towards the companion over the distance to L1 (1 = lobe
    filled), or, where contact > 0, the fill-out of a common envelope between the inner and the outer critical
    surface, which overrides both; surface_ratio: surface brightness secondary/primary; inclination radians;
    limb: linear coefficient; gravity: exponent of flux in local gravity; heating: share of received flux re-emitted.
    """

    mass_ratio: float
    fill1: float
    fill2: float
    contact: float
    surface_ratio: float
    inclination: float
    limb: float
    gravity: float
    heating: float


def fibonacci_sphere(n: int) -> Floats:
    """Unit vectors (n, 3) of nearly equal solid angle."""
    k = np.arange(n) + 0.5
    azimuth = np.pi * (1.0 + np.sqrt(5.0)) * k
    z = 1.0 - 2.0 * k / n
    ring = np.sqrt(1.0 - z * z)
    return np.column_stack([ring * np.cos(azimuth), ring * np.sin(azimuth), z])


DIRECTIONS = fibonacci_sphere(N_ELEMENTS)
# Denser near conjunction, where narrow eclipses are.
ANGLES = np.pi / 2.0 * (1.0 - np.cos(np.pi * np.linspace(0.0, 1.0, N_ANGLES)))


def binary_flux(binary: Binary) -> Floats:
    """Flux (N_ANGLES,) at orbital ANGLES from mid-eclipse of the primary (0) to that of the secondary (pi)."""
    q, contact = binary.mass_ratio, binary.contact
    inner1 = inner_point(q)
    inner2 = 1.0 - inner1
    if contact > 0.0:
        level1 = axis_potential(inner1, q)
        level1 -= contact * (level1 - axis_potential(outer_point(q), q))
        level2 = level1 / q + 0.5 * (q - 1.0) / q  # the same surface, seen from the secondary's side
    else:
        level1 = axis_potential(binary.fill1 * inner1, q)
        level2 = axis_potential(binary.fill2 * inner2, 1.0 / q)
    points1, normals1, light1 = surface(DIRECTIONS, level1, q, inner1, binary.gravity)
    points2, normals2, light2 = surface(DIRECTIONS, level2, 1.0 / q, inner2, binary.gravity)
    warm1 = _heated(points1, normals1, light2.mean() * binary.surface_ratio, binary.heating)
    warm2 = _heated(points2, normals2, light1.mean() / binary.surface_ratio, binary.heating)
    mirror = np.array([-1.0, 1.0, 1.0])  # the secondary was built with its companion on the other side
    primary = Figure(points1, normals1, light1 * warm1)
    secondary = Figure(np.array([1.0, 0.0, 0.0]) + points2 * mirror, normals2 * mirror, light2 * warm2)
    secondary.light[:] *= binary.surface_ratio
    return seen(primary, secondary, ANGLES, binary.inclination, binary.limb)


class Figure(NamedTuple):
    """A star's surface elements: points and outward normals (n, 3) from the primary's centre, light (n,)."""

    points: Floats
    normals: Floats
    light: Floats


@plain
def potential(r: float, towards: float, polar: float, q: float) -> float:
    """Modified Roche potential at distance r from a star; direction cosines to the companion and to the pole."""
    companion: float = np.sqrt(1.0 - 2.0 * towards * r + r * r)
    return 1.0 / r + q * (1.0 / companion - towards * r) + 0.5 * (1.0 + q) * r * r * (1.0 - polar * polar)


def axis_potential(x: float, q: float) -> float:
    """Potential on the line of centres at x (the companion is at 1), also beyond it."""
    return 1.0 / x + q * (1.0 / abs(1.0 - x) - x) + 0.5 * (1.0 + q) * x * x


def inner_point(q: float) -> float:
    """Distance of the inner Lagrangian point from the star whose companion is q times as massive."""
    return _root(lambda x: -1.0 / x**2 + q / (1.0 - x) ** 2 - q + (1.0 + q) * x, 1e-3, 1.0 - 1e-3)


def outer_point(q: float) -> float:
    """Distance of the outer Lagrangian point from the primary, behind the less massive secondary (q <= 1)."""
    return _root(lambda x: -1.0 / x**2 - q / (x - 1.0) ** 2 - q + (1.0 + q) * x, 1.0 + 1e-3, 3.0)


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(60):
        middle = 0.5 * (low + high)
        if rising(middle) > 0.0:
            high = middle
        else:
            low = middle
    return 0.5 * (low + high)


@plain
def surface(directions: Floats, level: float, q: float, inner: float, gravity: float) -> tuple[Floats, Floats, Floats]:
    """Points and outward normals (n, 3) of an equipotential, and each element's flux per projected direction (n,).

    A common envelope is cut at the plane of the inner Lagrangian point: elements in the neck have weight 0.
    """
    n = len(directions)
    points, normals, weights = np.empty((n, 3)), np.empty((n, 3)), np.zeros(n)
    strength = np.empty(n)
    for i in range(n):
        towards, polar = directions[i, 0], directions[i, 2]
        limit = min(0.95, inner / towards) if towards > 0.0 else 0.95
        low, high = 1e-3, limit
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            if potential(middle, towards, polar, q) > level:
                low = middle
            else:
                high = middle
        r = 0.5 * (low + high)
        x, y, z = r * towards, r * directions[i, 1], r * polar
        companion = ((1.0 - x) ** 2 + y * y + z * z) ** 1.5
        gx = x / r**3 - q * ((1.0 - x) / companion - 1.0) - (1.0 + q) * x
        gy = y / r**3 + q * y / companion - (1.0 + q) * y
        gz = z / r**3 + q * z / companion
        g = np.sqrt(gx * gx + gy * gy + gz * gz)
        points[i, 0], points[i, 1], points[i, 2] = x, y, z
        normals[i, 0], normals[i, 1], normals[i, 2] = gx / g, gy / g, gz / g
        strength[i] = g
        facing = (gx * x + gy * y + gz * z) / (g * r)
        if limit - r > NECK_MARGIN and facing > GRAZING:
            weights[i] = r * r / facing
    mean = (strength * weights).sum() / weights.sum()
    return points, normals, weights * (strength / mean) ** gravity


def _heated(points: Floats, normals: Floats, companion_light: float, heating: float) -> Floats:
    """Brightening (n,) of elements that face a companion whose mean element light is given (a point at distance 1)."""
    to_companion = np.array([1.0, 0.0, 0.0]) - points
    distance = np.sqrt((to_companion**2).sum(axis=1))
    cosine: Floats = np.maximum((normals * to_companion).sum(axis=1) / distance, 0.0)
    received: Floats = companion_light * cosine / distance**2
    return 1.0 + heating * received


@plain
def seen(primary: Figure, secondary: Figure, angles: Floats, inclination: float, limb: float) -> Floats:
    """Flux at each orbital angle, the star behind eclipsed by the silhouette of the one in front."""
    flux = np.zeros(len(angles))
    sin_i, cos_i = np.sin(inclination), np.cos(inclination)
    for k in range(len(angles)):
        sin_a, cos_a = np.sin(angles[k]), np.cos(angles[k])
        axes = np.array(  # right, up, and towards the observer
            [[sin_a, cos_a, 0.0], [-cos_a * cos_i, sin_a * cos_i, sin_i], [cos_a * sin_i, -sin_a * sin_i, cos_i]]
        )
        if cos_a >= 0.0:  # the secondary, at (1, 0, 0), is in front
            flux[k] = light_outside(secondary, np.zeros(N_SILHOUETTE), 1.0, axes, limb)
            flux[k] += light_outside(primary, silhouette(secondary.points, 1.0, axes), 1.0, axes, limb)
        else:
            flux[k] = light_outside(primary, np.zeros(N_SILHOUETTE), 0.0, axes, limb)
            flux[k] += light_outside(secondary, silhouette(primary.points, 0.0, axes), 0.0, axes, limb)
    return flux


@plain
def silhouette(points: Floats, centre: float, axes: Floats) -> Floats:
    """Squared radius on the sky of a body around (centre, 0, 0), by position angle (N_SILHOUETTE,)."""
    edge = np.zeros(N_SILHOUETTE)
    for i in range(len(points)):
        squared, angle = on_sky(points[i], centre, axes)
        edge[angle] = max(edge[angle], squared)
    return edge


@plain
def light_outside(star: Figure, edge: Floats, centre: float, axes: Floats, limb: float) -> float:
    """Flux of the elements that face the observer outside a silhouette around (centre, 0, 0)."""
    total = 0.0
    for i in range(len(star.light)):
        normal = star.normals[i]
        mu = normal[0] * axes[2, 0] + normal[1] * axes[2, 1] + normal[2] * axes[2, 2]
        if mu > 0.0 and star.light[i] > 0.0:
            squared, angle = on_sky(star.points[i], centre, axes)
            if squared > edge[angle]:
                total += star.light[i] * mu * (1.0 - limb + limb * mu)
    return total


@plain
def on_sky(point: Floats, centre: float, axes: Floats) -> tuple[float, int]:
    """Squared distance on the sky from (centre, 0, 0), and the bin of the position angle."""
    x = point[0] - centre
    right = x * axes[0, 0] + point[1] * axes[0, 1]
    up = x * axes[1, 0] + point[1] * axes[1, 1] + point[2] * axes[1, 2]
    angle = int((np.arctan2(up, right) + np.pi) * N_SILHOUETTE / (2.0 * np.pi)) % N_SILHOUETTE
    return right * right + up * up, angle
