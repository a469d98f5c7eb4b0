"""Positions and velocities on the sky by astropy: `python sky.py` writes sky.npz."""

import astropy.coordinates as coord
import astropy.units as u
import numpy as np

coord.galactocentric_frame_defaults.set("v4.0")
random = np.random.default_rng(7)
position = random.normal(scale=12.0, size=(24, 3))
velocity = random.normal(scale=150.0, size=(24, 3))
stars = coord.SkyCoord(
    x=position[:, 0] * u.kpc,
    y=position[:, 1] * u.kpc,
    z=position[:, 2] * u.kpc,
    v_x=velocity[:, 0] * u.km / u.s,
    v_y=velocity[:, 1] * u.km / u.s,
    v_z=velocity[:, 2] * u.km / u.s,
    frame=coord.Galactocentric(),
).transform_to(coord.ICRS())


def columns(x):
    return np.stack(
        [
            x.spherical.lon.deg,
            x.spherical.lat.deg,
            x.spherical.distance.to_value(u.kpc),
            x.sphericalcoslat.differentials["s"].d_lon_coslat.to_value(u.mas / u.yr),
            x.sphericalcoslat.differentials["s"].d_lat.to_value(u.mas / u.yr),
            x.radial_velocity.to_value(u.km / u.s),
        ],
        axis=1,
    )


class GD1(coord.BaseCoordinateFrame):
    """Koposov, Rix & Hogg (2010)."""

    default_representation = coord.SphericalRepresentation
    default_differential = coord.SphericalCosLatDifferential


MATRIX = np.array(
    [
        [-0.4776303088, -0.1738432154, 0.8611897727],
        [0.510844589, -0.8524449229, 0.111245042],
        [0.7147776536, 0.4930681392, 0.4959603976],
    ]
)


@coord.frame_transform_graph.transform(coord.StaticMatrixTransform, coord.ICRS, GD1)
def icrs_to_gd1():
    return MATRIX


gd1 = columns(stars.transform_to(GD1()))
gd1[:, 0] = (gd1[:, 0] + 180.0) % 360.0 - 180.0
np.savez_compressed("sky.npz", position=position, velocity=velocity, icrs=columns(stars), gd1=gd1)
