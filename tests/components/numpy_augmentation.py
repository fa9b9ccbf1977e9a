"""The augmentations in float64 NumPy and SciPy, by the names of our checks, image by image."""

import colorsys
import math

import numpy as np
from scipy.ndimage import convolve, correlate1d, map_coordinates


def each_image(function):
    """A reference for one image (H, W, C) and its numbers."""

    def several(images, *numbers):
        return np.stack([function(*one) for one in zip(images, *numbers, strict=True)])

    return several


# ---- Places ----


def sampled(image, rows, columns, fill=0.0):
    channels = [
        map_coordinates(channel, [rows, columns], order=1, mode="grid-constant", cval=fill)
        for channel in np.moveaxis(image, -1, 0)
    ]
    return np.stack(channels, axis=-1)


def looked_up(image, place, fill=0.0):
    """The image at place(row, column), which count from the centre as on paper."""
    centre = (np.array(image.shape[:2]) - 1) / 2
    row, column = np.meshgrid(*map(np.arange, image.shape[:2]), indexing="ij")
    rows, columns = place(row - centre[0], column - centre[1])
    return sampled(image, rows + centre[0], columns + centre[1], fill)


def affine(image, matrix):
    def place(row, column):
        return np.einsum("ij,jhw->ihw", matrix, np.stack([row, column, np.ones_like(row)]))

    return looked_up(image, place, fill=0.25)


def rotate(image, angle):
    """Complex numbers: columns to the right, rows downwards."""
    turn = np.exp(-1j * np.deg2rad(angle))

    def place(row, column):
        source = (column - 1j * row) * turn
        return -source.imag, source.real

    return looked_up(image, place)


def zoom(image, factor):
    return looked_up(image, lambda row, column: (row / factor, column / factor))


def shear(image, x, y):
    return looked_up(image, lambda row, column: (row + y * column, column + x * row))


def translate(image, down, right):
    return looked_up(image, lambda row, column: (row - down, column - right))


def crop(images, tops, lefts, size, padding):
    border = [(0, 0), (padding + 9, padding + 9), (padding + 9, padding + 9), (0, 0)]
    wide = np.pad(images, border, constant_values=0.5)
    return np.stack(
        [
            image[9 + top : 9 + top + size, 9 + left : 9 + left + size]
            for image, top, left in zip(wide, tops, lefts, strict=True)
        ]
    )


def resized_crop(images, boxes, height, width):
    return np.stack(
        [
            resized(resized(image[top:end, left:right], height).swapaxes(0, 1), width).swapaxes(
                0, 1
            )
            for image, (top, left, end, right) in zip(images, boxes, strict=True)
        ]
    )


def resized(lines, size):
    """Rows by triangles, at least as wide as one pixel of either kind."""
    scale = len(lines) / size
    result = []
    for i in range(size):
        centre = (i + 0.5) * scale
        weights = [max(0.0, 1 - abs(j + 0.5 - centre) / max(scale, 1.0)) for j in range(len(lines))]
        result.append(np.average(lines, axis=0, weights=weights))
    return np.array(result)


# ---- Shades ----


def luma(image):
    return image @ np.array([0.299, 0.587, 0.114])


def brightness_and_contrast(images, factors):
    factors = factors[:, None, None, None]
    means = luma(images).mean((1, 2))[:, None, None, None]
    return np.clip(images * factors, 0, 1), np.clip(means + factors * (images - means), 0, 1)


def saturation(image, factor):
    grey = luma(image)[..., None]
    return np.clip(grey + factor * (image - grey), 0, 1)


def hue(image, turn):
    def turned(pixel):
        h, s, v = colorsys.rgb_to_hsv(*pixel)
        return colorsys.hsv_to_rgb((h + turn) % 1.0, s, v)

    return np.apply_along_axis(turned, -1, image)


def sharpness(image, factor):
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]])[..., None] / 13
    smooth = image.copy()
    smooth[1:-1, 1:-1] = convolve(image, kernel, mode="constant")[1:-1, 1:-1]
    return np.clip(smooth + factor * (image - smooth), 0, 1)


def autocontrast(images):
    low, high = images.min((1, 2), keepdims=True), images.max((1, 2), keepdims=True)
    return (images - low) / (high - low)


def blur(image, std):
    weights = np.exp(-(np.arange(-2, 3) ** 2) / (2 * std**2))
    for axis in (0, 1):
        image = correlate1d(image, weights / weights.sum(), axis, mode="mirror")
    return image


def normalize(images):
    return (images - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


# ---- Mixing ----


def mixup(images, labels, shares, partners):
    pairs = [
        (s * x + (1 - s) * images[j], s * y + (1 - s) * labels[j])
        for x, y, s, j in zip(images, labels, shares, partners, strict=True)
    ]
    return tuple(np.stack(parts) for parts in zip(*pairs, strict=True))


def cutmix(images, labels, boxes, partners):
    mixed, shares = images.copy(), []
    for n, ((top, left, bottom, right), j) in enumerate(zip(boxes, partners, strict=True)):
        mixed[n, top:bottom, left:right] = images[j, top:bottom, left:right]
        shares.append((bottom - top) * (right - left) / (images.shape[1] * images.shape[2]))
    shares = np.array(shares)[:, None]
    return mixed, (1 - shares) * labels + shares * labels[partners]


def erase(image, box):
    top, left, bottom, right = box
    image = image.copy()
    image[top:bottom, left:right] = 0.5
    return image


# ---- Sound ----


def add_noise(wave, snr, noise):
    wanted = np.mean(wave**2) / 10 ** (snr / 10)
    return wave + noise * np.sqrt(wanted / np.mean(noise**2))


def time_stretch(wave, rate, length=None):
    """The phase vocoder as librosa writes it, with NumPy's FFT."""
    length, hann = length or len(wave), 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    wide = np.pad(wave, (256, 768))
    frames = [np.fft.rfft(hann * wide[s : s + 512]) for s in range(0, len(wave) + 128, 128)]
    advance = 2 * np.pi * 128 * np.arange(257) / 512
    phase, total, norm = np.angle(frames[0]), np.zeros(length + 1024), np.zeros(length + 1024)
    silence = np.zeros(257, complex)
    for j in range(math.ceil(length / 128) + 1):
        i, share = int(j * rate), j * rate % 1
        pair = [*frames, silence, silence][i : i + 2] if i < len(frames) else [silence] * 2
        size = (1 - share) * abs(pair[0]) + share * abs(pair[1])
        start = 128 * j
        total[start : start + 512] += hann * np.fft.irfft(size * np.exp(1j * phase))
        norm[start : start + 512] += hann**2
        if i + 1 < len(frames):
            off = np.angle(pair[1]) - np.angle(pair[0]) - advance
            phase = phase + advance + off - 2 * np.pi * np.round(off / (2 * np.pi))
    return (total[256:] / np.maximum(norm[256:], 1e-12))[:length]


def pitch_shift(wave, semitones):
    factor = 2 ** (semitones / 12)
    longer = time_stretch(wave, 1 / factor, math.ceil(len(wave) * 2 ** (5 / 12)))
    cutoff, result = min(1.0, 1 / factor), []
    for place in np.arange(len(wave)) * factor:
        near = np.arange(math.floor(place) - 15, math.floor(place) + 17)
        taken = np.array([longer[k] if 0 <= k < len(longer) else 0.0 for k in near])
        hann = np.cos(np.pi * (place - near) / 32) ** 2
        result.append(cutoff * np.sum(taken * np.sinc(cutoff * (place - near)) * hann))
    return np.array(result)


REFERENCES = {
    "augment.flip": each_image(lambda image, flipped: image[:, ::-1] if flipped else image),
    "augment.crop": crop,
    "augment.sample": each_image(lambda x, rows, columns: sampled(x, rows, columns, 0.25)),
    "augment.affine": each_image(affine),
    "augment.rotate": each_image(rotate),
    "augment.zoom": each_image(zoom),
    "augment.shear": each_image(shear),
    "augment.translate": each_image(translate),
    "augment.resized_crop": resized_crop,
    "augment.brightness": brightness_and_contrast,
    "augment.saturation": each_image(saturation),
    "augment.grayscale": each_image(lambda image: np.repeat(luma(image)[..., None], 3, -1)),
    "augment.hue": each_image(hue),
    "augment.sharpness": each_image(sharpness),
    "augment.autocontrast": autocontrast,
    "augment.blur": each_image(blur),
    "augment.normalize": normalize,
    "augment.mixup": mixup,
    "augment.cutmix": cutmix,
    "augment.erase": each_image(erase),
    "augment.add_noise": each_image(add_noise),
    "augment.time_stretch": each_image(time_stretch),
    "augment.pitch_shift": each_image(pitch_shift),
}
