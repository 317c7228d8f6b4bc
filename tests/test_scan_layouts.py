"""Layouts of images and masks: what each is understood as. `python tests/test_scan_layouts.py`
prints the table."""

from __future__ import annotations

import io
import json
import sys
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image
from scan_files import ball, disc, indexed, nifti, png, put

from actzoo import domains, errors
from actzoo.applications.medical.layouts import folder

N = 4
NAMES = [f"a{number:02d}" for number in range(N)]
VOC = [(0, 0, 0), (128, 0, 0)] + [(0, 0, 0)] * 253 + [(224, 224, 192)]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path_factory.mktemp("cache")))


def picture(number=0, kind="PNG"):
    return png(disc(number)[0], kind)


def mask(number=0, kind="PNG"):
    return png(disc(number)[1], kind)


def palette(number=0):
    values = disc(number, foreground=1)[1]
    values[0] = 255
    return indexed(values, *VOC)


def gif(number=0):
    return png(disc(number, foreground=1)[1], "GIF")


def scan(number=0):
    return nifti(ball(number)[0]).to_bytes()


def label(number=0):
    return nifti(ball(number)[1]).to_bytes()


def write(root, image, target, images=picture, masks=mask, names=NAMES):
    """Write pairs at two patterns with `{}` for the name and `{n}` for the number."""
    for number, name in enumerate(names):
        put(root / image.format(name, n=number), images(number))
        put(root / target.format(name, n=number), masks(number))


def both(image, target, **forms):
    return lambda root: write(root, image, target, **forms)


def volumes(image, target):
    return both(image, target, images=scan, masks=label)


def splits(image, target):
    """Write pairs in train, val and test, `{s}` in the patterns."""

    def layout(root):
        for k, split in enumerate(("train", "val", "test")):
            write(
                root, image.replace("{s}", split), target.replace("{s}", split),
                names=[f"a{k}{number}" for number in range(2)],
            )  # fmt: skip

    return layout


def carvana(root):
    write(root, "train/{}.jpg", "train_masks/{}_mask.gif", lambda n: picture(n, "JPEG"), gif)
    for number in range(3):
        put(root / "test" / f"t{number}.jpg", picture(number, "JPEG"))


def ade(root):
    for split in ("training", "validation"):
        names = [f"{split}_{number}" for number in range(2)]
        write(root, f"images/{split}/{{}}.jpg", f"annotations/{split}/{{}}.png",
              lambda n: picture(n, "JPEG"), names=names)  # fmt: skip


def voc(root):
    write(root, "JPEGImages/{}.jpg", "SegmentationClass/{}.png", lambda n: picture(n, "JPEG"),
          palette)  # fmt: skip
    for name in NAMES:
        put(root / "SegmentationObject" / f"{name}.png", palette())
        put(root / "Annotations" / f"{name}.xml", b"<annotation/>")


def busi(root):
    for kind in ("benign", "malignant", "normal"):
        write(root, f"{kind}/{kind} ({{n}}).png", f"{kind}/{kind} ({{n}})_mask.png")


def patients(root):
    for number, name in enumerate(("anna", "ben", "clara", "dora")):
        put(root / name / "x.png", picture(number))
        put(root / name / "x_mask.png", mask(number))


def slices(root):
    for patient in range(3):
        write(root, f"TCGA_{patient}/TCGA_{patient}_{{n}}.tif",
              f"TCGA_{patient}/TCGA_{patient}_{{n}}_mask.tif",
              lambda n: picture(n, "TIFF"), lambda n: mask(n, "TIFF"))  # fmt: skip


def brats(root):
    for number in range(N):
        case = f"BraTS_{number:03d}"
        for channel in ("flair", "t1", "t1ce", "t2"):
            put(root / case / f"{case}_{channel}.nii", scan(number))
        put(root / case / f"{case}_seg.nii", label(number))


def nnunet(channels=1, test=False):
    def layout(root):
        for number in range(N):
            part = "Ts" if test and number == 3 else "Tr"
            for channel in range(channels):
                put(root / f"images{part}" / f"c{number}_{channel:04d}.nii", scan(number))
            put(root / f"labels{part}" / f"c{number}.nii", label(number))
        labels = {"background": 0, "liver": 1, "tumor": 2}
        (root / "dataset.json").write_text(json.dumps({"labels": labels}))

    return layout


def decathlon(root):
    volumes("imagesTr/{}.nii", "labelsTr/{}.nii")(root)
    put(root / "imagesTs" / "t1.nii", scan(7))
    put(root / "imagesTs" / "t2.nii", scan(8))


def nested(root):
    volumes("images/{}.nii", "masks/{}.nii")(root)
    for number in range(2):
        put(root / "images" / "p9" / f"v{number}.nii", scan(number))
        put(root / "masks" / "p9" / f"v{number}.nii", label(number))


def series(root):
    for name in ("anna", "ben", "clara"):
        for kind in ("ct", "mr"):
            put(root / name / kind / "image.nii", scan(len(name)))
            put(root / name / kind / "label.nii", label(len(name)))


def bids(root):
    for number in range(3):
        place = f"sub-0{number}/anat/sub-0{number}"
        put(root / f"{place}_T1w.nii", scan(number))
        put(root / "derivatives" / "labels" / f"{place}_T1w_seg.nii", label(number))


def isic(root):
    for split in ("Training", "Validation", "Test"):
        write(root, f"ISIC2018_Task1-2_{split}_Input/{split}_{{}}.jpg",
              f"ISIC2018_Task1_{split}_GroundTruth/{split}_{{}}_segmentation.png",
              lambda n: picture(n, "JPEG"), names=NAMES[:2])  # fmt: skip


def slicer(root):
    sitk = pytest.importorskip("SimpleITK")
    for number in range(3):
        put(root / "plain.nii", label(number))
        put(root / f"v{number}.nii", scan(number))
        sitk.WriteImage(sitk.ReadImage(str(root / "plain.nii")), str(root / f"v{number}.seg.nrrd"))
    (root / "plain.nii").unlink()


def numbered(root):
    write(root, "foo/{n}.png", "bar/{n}.png")


def other_sizes(root):
    write(root, "foo/{}.png", "bar/{}.png", masks=lambda n: png(disc(n, 30, 30)[1]))


def some_lack(root):
    both("foo/{}.png", "bar/{}.png")(root)
    for name in NAMES[2:]:
        (root / "bar" / f"{name}.png").unlink()


def two_sets(root):
    for name in ("Dataset001_a", "Dataset002_b"):
        nnunet()(root / name)


def sequences(root):
    for number, name in enumerate(NAMES):
        for place in ("T1", "T2"):
            put(root / place / f"{name}.nii", scan(number + len(place)))
        put(root / "seg" / f"{name}.nii", label(number))


def overlays(root):
    write(root, "aa/{}.png", "bb/{}.png")
    for number, name in enumerate(NAMES):
        put(root / "cc" / f"{name}.png", picture(number + 9))


def organs(root):
    for number, name in enumerate(NAMES):
        put(root / "images" / f"{name}.png", picture(number))
        for organ in ("liver", "tumor"):
            put(root / "masks" / organ / f"{name}.png", mask(number))


def empty_masks(root):
    write(root, "foo/{}.png", "bar/{}.png", masks=lambda n: png(np.zeros((40, 48), "uint8")))


def camvid(root):
    for split in ("train", "val", "test"):
        names = [f"{split}{number}" for number in range(2)]
        write(root, f"{split}/{{}}.png", f"{split}annot/{{}}.png", names=names)


def totalsegmentator(root):
    for number in range(3):
        put(root / f"s{number}" / "ct.nii", scan(number))
        for organ in ("liver", "spleen"):
            put(root / f"s{number}" / "segmentations" / f"{organ}.nii", label(number))


def nuclei(root):
    for name in NAMES:
        put(root / name / "images" / f"{name}.png", picture())
        for number in range(3):
            put(root / name / "masks" / f"{number}.png", mask(number))


def acdc(root):
    for number in range(3):
        place = root / f"patient{number:03d}"
        for frame in ("01", "12"):
            put(place / f"patient{number:03d}_frame{frame}.nii", scan(number))
            put(place / f"patient{number:03d}_frame{frame}_gt.nii", label(number))


def normal_without(root):
    for kind in ("benign", "malignant"):
        write(root, f"{kind}/{kind} ({{n}}).png", f"{kind}/{kind} ({{n}})_mask.png")
    for number in range(3):
        put(root / "normal" / f"normal ({number}).png", picture(number))


def decomposed(root):
    write(root, "images/e\u0301{}.png", "masks/\u00e9{}_mask.png")


def stray_volume(root):
    both("cat/{}.png", "dog/{}.png", masks=lambda n: picture(n + 9))(root)
    put(root / "cat" / "old.nii", scan())


def arrays_beside(root):
    for number in range(N):
        put(root / "images" / f"{number}.png", picture(number))
        put(root / "masks" / f"{number}.npy", b"x")


def yolo(root):
    write(root, "images/{}.png", "labels/{}.txt", masks=lambda n: b"0 0.5 0.5 0.2 0.2\n")


def coco(root):
    write(root, "images/{}.png", "annotations/{}.json", masks=lambda n: b"{}")


def drive(root):
    for number in range(21, 25):
        put(root / "images" / f"{number}_training.tif", picture(number, "TIFF"))
        put(root / "1st_manual" / f"{number}_manual1.gif", gif(number))
        put(root / "mask" / f"{number}_training_mask.gif", gif(number))


def second_masks(root):
    busi(root)
    put(root / "benign" / "benign (1)_mask_1.png", mask(3))


def one_lacks(root):
    both("imgs/{}.png", "masks/{}.png")(root)
    (root / "masks" / "a02.png").unlink()


def lacking_channel(root):
    brats(root)
    (root / "BraTS_002" / "BraTS_002_t2.nii").unlink()


def dicom(root):
    for number in range(N):
        put(root / "patient1" / f"IM{number:05d}", bytes(128) + b"DICM" + bytes(100))


def dicom_series(root):
    for number in range(N):
        put(root / "p1" / "ct" / f"1.2.840.{number}", bytes(128) + b"DICM" + bytes(100))


def dicom_beside(root):
    for number in range(N):
        put(root / "images" / f"{number}.dcm", bytes(128) + b"DICM" + bytes(100))
        put(root / "masks" / f"{number}.nii", label(number))


def arrays(root):
    for number in range(N):
        for place in ("images", "masks"):
            content = io.BytesIO()
            np.save(content, disc(number)[0])
            put(root / place / f"{number}.npy", content.getvalue())


def mrbrains(root):
    for number in range(N):
        for kind in ("T1", "FLAIR"):
            put(root / f"{number}/orig/{kind}.nii", scan(number))
        put(root / f"{number}/segm.nii", label(number))


def fives(root):
    for split in ("train", "test"):
        write(root, f"{split}/Original/{{}}.png", f"{split}/Ground truth/{{}}.png",
              names=("1_A", "2_D"))  # fmt: skip


def listed(**lists):
    """Write pairs, and lists of their names beside them."""

    def layout(root):
        write(root, "images/{}.png", "masks/{}.png")
        for name, names in lists.items():
            put(root / "lists" / f"{name}.txt", names.encode())

    return layout


def drive_without_fields(root):
    for split, numbers in (("training", ("21", "22")), ("test", ("01", "02"))):
        write(root, f"{split}/images/{{}}_{split}.tif", f"{split}/1st_manual/{{}}_manual1.gif",
              lambda n: picture(n, "TIFF"), gif, numbers)  # fmt: skip


def cityscapes(root):
    for split, names in (("train", ("a_1_19", "a_2_19")), ("val", ("b_1_19", "b_2_19"))):
        place = f"gtFine/{split}/a/{{}}_gtFine"
        write(root, f"leftImg8bit/{split}/a/{{}}_leftImg8bit.png", f"{place}_labelIds.png",
              names=names)  # fmt: skip
        for name in names:
            for kind in ("color", "instanceIds", "labelTrainIds"):
                put(root / f"{place.format(name)}_{kind}.png", mask())
            put(root / f"{place.format(name)}_polygons.json", b"{}")


def numbered_in_splits(root):
    for split in ("train", "val"):
        write(root, f"leftImg8bit/{split}/c_{{}}_{split}_leftImg8bit.png",
              f"gtFine/{split}/c_{{}}_{split}_gtFine_labelIds.png", names=("1", "2"))  # fmt: skip


def superpixels(root):
    images = "ISIC-2017_Training_Data/{}"
    write(root, f"{images}.jpg", "ISIC-2017_Training_Part1_GroundTruth/{}_segmentation.png",
          lambda n: picture(n, "JPEG"))  # fmt: skip
    for number, name in enumerate(NAMES):
        put(root / f"{images.format(name)}_superpixels.png", picture(number + 9))


def series_in_time(root):
    for patient in ("patient001", "patient002", "patient003"):
        place = f"database/training/{patient}/{patient}"
        write(
            root, f"{place}_frame{{}}.nii", f"{place}_frame{{}}_gt.nii", scan, label, ("01", "12")
        )
        put(root / f"{place}_4d.nii", scan())


def isles(root):
    for number in range(N):
        subject = f"sub-stroke{number}"
        for kind in ("dwi", "adc", "flair"):
            put(root / f"rawdata/{subject}/ses-1/{subject}_ses-1_{kind}.nii", scan(number))
        put(root / f"derivatives/{subject}/ses-1/{subject}_ses-1_msk.nii", label(number))


def luna(root):
    for number in range(N):
        put(root / f"subset{number % 2}/1.3.6.1.{number}.nii", scan(number))
        put(root / f"seg-lungs-LUNA16/1.3.6.1.{number}.nii", label(number))


def labelme(root):
    for number in range(N):
        put(root / f"a{number}_json/img.png", picture(number))
        put(root / f"a{number}_json/label.png", mask(number))
        put(root / f"a{number}_json/label_viz.png", picture(number))


def two_experts(root):
    write(root, "{}.png", "{}_1stHO.png")
    for number, name in enumerate(NAMES):
        put(root / f"{name}_2ndHO.png", mask(number))


def colors(number=0):
    """Write a mask of colors, none of them black."""
    inside = disc(number)[1] > 0
    return png(np.where(inside[..., None], (64, 0, 128), (128, 128, 128)).astype("uint8"))


def splits_of_colors(root):
    for k, split in enumerate(("train", "val", "test")):
        write(root, f"{split}/0001TP_{{}}.png", f"{split}_labels/0001TP_{{}}_L.png", masks=colors,
              names=(f"{k}1", f"{k}2"))  # fmt: skip


# layout: how it is written, pairs, splits, patients, words of what is said
READ = {
    "imgs/ + masks/": (both("imgs/{}.png", "masks/{}.png"), 4, {None}, 4, "imgs/ beside masks/"),
    "image/ + label/": (both("image/{}.png", "label/{}.png"), 4, {None}, 4, "beside label/"),
    "img/ + gt/": (both("img/{}.png", "gt/{}.png"), 4, {None}, 4, "img/ beside gt/"),
    "images/ + labels/": (both("images/{}.png", "labels/{}.png"), 4, {None}, 4, "labels/"),
    "images/ + annotations/": (both("images/{}.png", "annotations/{}.png"), 4, {None}, 4, "anno"),
    "Image/ + Mask/": (both("Image/{}.png", "Mask/{}.png"), 4, {None}, 4, "Image/ beside Mask/"),
    "IMAGES/ + MASKS/": (both("IMAGES/{}.png", "MASKS/{}.png"), 4, {None}, 4, "MASKS/"),
    "data/ + mask/": (both("data/{}.png", "mask/{}.png"), 4, {None}, 4, "--task classification"),
    "x/ + y/": (both("x/{}.png", "y/{}.png"), 4, {None}, 4, "--task classification"),
    "input/ + target/": (both("input/{}.png", "target/{}.png"), 4, {None}, 4, "target/"),
    "foo/ + bar/": (both("foo/{}.png", "bar/{}.png"), 4, {None}, 4, "few values"),
    "scans/ + segmentations/": (volumes("scans/{}.nii", "segmentations/{}.nii"), 4, {None}, 4,
                                "scans/ beside segmentations/"),
    "GroundTruth/ of ISIC": (both("ISIC_Training_Input/{}.jpg",
                                  "ISIC_Training_GroundTruth/{}_segmentation.png",
                                  images=lambda n: picture(n, "JPEG")), 4, {"train"}, 4, "ISIC"),
    "train/ + train_masks/ (Carvana)": (carvana, 4, {"train"}, 4, "train/ beside train_masks/"),
    "train/images + train/masks": (splits("{s}/images/{}.png", "{s}/masks/{}.png"), 6,
                                   {"train", "val", "test"}, 6, "images/ beside masks/"),
    "images/train + masks/train": (splits("images/{s}/{}.png", "masks/{s}/{}.png"), 6,
                                   {"train", "val", "test"}, 6, "images/ beside masks/"),
    "train_img/ + train_gt/": (splits("{s}_img/{}.png", "{s}_gt/{}.png"), 6,
                               {"train", "val", "test"}, 6, "beside"),
    "images/training (ADE)": (ade, 4, {"train", "val"}, 4, "images/ beside annotations/"),
    "JPEGImages/ (VOC)": (voc, 4, {None}, 4, "JPEGImages/ beside SegmentationClass/"),
    "class folders with both (BUSI)": (busi, 12, {None}, 12, "move the masks away first"),
    "one folder, a.png + a_mask.png": (both("{}.png", "{}_mask.png"), 4, {None}, 4, "'mask'"),
    "one folder, mask_a.png": (both("{}.png", "mask_{}.png"), 4, {None}, 4, "'mask'"),
    "one folder, seg-a.png": (both("img-{}.png", "seg-{}.png"), 4, {None}, 4, "'seg'"),
    "one folder, a.png + a_lesion.png": (both("{}.png", "{}_lesion.png"), 4, {None}, 4, "few"),
    "a folder per patient, x + x_mask": (patients, 4, {None}, 4, "patients from folders"),
    "a folder per patient, many slices": (slices, 12, {None}, 3, "patients from folders"),
    "image.nii + label.nii": (volumes("p{n}/image.nii", "p{n}/label.nii"), 4, {None}, 4, "folders"),
    "imaging.nii + segmentation.nii (KiTS)": (volumes("case_{n}/imaging.nii",
                                              "case_{n}/segmentation.nii"), 4, {None}, 4, "fold"),
    "ct.nii + organ.nii": (volumes("s{n}/ct.nii", "s{n}/organ.nii"), 4, {None}, 4, "few values"),
    "volume-0 + segmentation-0 (LiTS)": (volumes("volume-{n}.nii", "segmentation-{n}.nii"), 4,
                                         {None}, 4, "'segmentation'"),
    "volumes/ + labels/, names differ": (volumes("volumes/volume-{n}.nii", "labels/labels-{n}.nii"),
                                         4, {None}, 4, "volumes/ beside labels/"),
    "a folder per case (BraTS)": (brats, 4, {None}, 4, "4 channels: flair, t1, t1ce, t2"),
    "imagesTr/ + labelsTr/ (decathlon)": (decathlon, 4, {None}, 4, "imagesTr/ beside labelsTr/"),
    "nnU-Net, _0000": (nnunet(), 4, {None}, 4, "imagesTr/ beside labelsTr/ (nnU-Net"),
    "nnU-Net, two channels": (nnunet(2), 4, {None}, 4, "2 channels: 0000, 0001"),
    "nnU-Net, labelsTs": (nnunet(1, test=True), 4, {"train", "test"}, 4, "nnU-Net"),
    "pairs in subfolders": (nested, 6, {None}, 5, "patients from folders"),
    "patients/x/images + masks": (both("p{n}/images/a.png", "p{n}/masks/a.png"), 4, {None}, 4,
                                  "images/ beside masks/"),
    "images/p1 + masks/p1": (both("images/p{n}/a.png", "masks/p{n}/a.png"), 4, {None}, 4,
                             "images/ beside masks/"),
    "Original/ + Ground Truth/": (both("Original/{}.tif", "Ground Truth/{}.tif"), 4, {None}, 4,
                                  "Original/ beside Ground Truth/"),
    "train/ + trainannot/ (CamVid)": (camvid, 6, {"train", "val", "test"}, 6, "trainannot/"),
    "other names in a folder per case": (volumes("k{n}/ct.nii", "k{n}/liver_seg{n}.nii"), 4,
                                         {None}, 4, "patients from folders"),
    "patient001_frame01_gt (ACDC)": (acdc, 6, {None}, 3, "patients from file names"),
    "normal/ without masks (BUSI)": (normal_without, 8, {None}, 8, "move the masks away first"),
    "masks/left/a.png": (both("images/{}.png", "masks/left/{}.png"), 4, {None}, 4, "images/"),
    "composed and decomposed names": (decomposed, 4, {None}, 4, "images/ beside masks/"),
    "a folder per patient, two series": (series, 6, {None}, 3, "patients from folders"),
    "sub-01/anat + derivatives/labels (BIDS)": (bids, 3, {None}, 3, "patients from file names"),
    "Task1-2_Input + Task1_GroundTruth": (isic, 6, {"train", "val", "test"}, 6, "GroundTruth/"),
    "v.nii + v.seg.nrrd (3D Slicer)": (slicer, 3, {None}, 3, "'seg.nrrd'"),
    "Bilder/ + Masken/ in train/": (splits("{s}/Bilder/{}.png", "{s}/Masken/{}.png"), 6,
                                    {"train", "val", "test"}, 6, "few values"),
    "T1/ + T2/ + seg/": (sequences, 4, {None}, 4, "2 channels: t1, t2"),
    "a_sat.png + a_mask.png": (both("{}_sat.png", "{}_mask.png"), 4, {None}, 4, "'mask'"),
    "01_training.tif + 01_manual1.gif": (drive_without_fields, 4, {"train", "test"}, 4,
                                         "images/ beside 1st_manual/"),
    "leftImg8bit/ + gtFine/ (Cityscapes)": (cityscapes, 4, {"train", "val"}, 4, "beside gtFine/"),
    "gtFine/ with equal names in splits": (splits("leftImg8bit/{s}/{}_{s}_leftImg8bit.png",
                                                  "gtFine/{s}/{}_{s}_gtFine_labelIds.png"),
                                           6, {"train", "val", "test"}, 6, "beside gtFine/"),
    "gtFine/, 1_train and 1_val": (numbered_in_splits, 4, {"train", "val"}, 4, "beside gtFine/"),
    "a superpixel picture beside each (ISIC 2017)": (superpixels, 4, {"train"}, 4, "GroundTruth/"),
    "patient001_4d.nii beside frames": (series_in_time, 6, {"train"}, 3, "'gt'"),
    "rawdata/ + derivatives/ (VerSe)": (volumes("rawdata/sub-v{n}/sub-v{n}_ct.nii",
                                                "derivatives/sub-v{n}/sub-v{n}_seg-vert_msk.nii"),
                                        4, {None}, 4, "patients from file names"),
    "rawdata/, three channels (ISLES)": (isles, 4, {None}, 4, "3 channels: adc, dwi, flair"),
    "subset0/ + seg-lungs/ (LUNA)": (luna, 4, {None}, 4, "each image a patient of its own"),
    "label_viz.png beside label.png (LabelMe)": (labelme, 4, {None}, 4, "patients from folders"),
    "a.jpg + a.png in one folder": (both("{}.jpg", "{}.png", images=lambda n: picture(n, "JPEG")),
                                    4, {None}, 4, "few values"),
    "a_1stHO.png, a_2ndHO.png (CHASE)": (two_experts, 4, {None}, 4, "few values"),
    "a.png + a_L.png of colors (CamVid)": (both("701_StillsRaw_full/0001TP_{}.png",
                                                "LabeledApproved_full/0001TP_{}_L.png",
                                                masks=colors), 4, {None}, 4,
                                           "LabeledApproved_full/"),
    "train_labels/a_L.png of colors": (splits_of_colors, 6, {"train", "val", "test"}, 6,
                                       "train_labels/"),
    "1/orig/T1.nii + 1/segm.nii (MRBrainS)": (mrbrains, 4, {None}, 4, "2 channels: flair, t1"),
    "1_A.png in train/ and test/ (FIVES)": (fives, 4, {"train", "test"}, 4, "Ground truth/"),
    "train.txt + test.txt (LandCover)": (listed(train="a00\na01.png\nimages/a02.png", test="a03"),
                                         4, {"train", "test"}, 4, "images/ beside masks/"),
    "trainval.txt + test.txt (pets)": (listed(trainval="a00 1 1\na01 1 2", test="a03 1 1"),
                                       3, {"train", "test"}, 3, "images/ beside masks/"),
    "test_list.txt alone": (listed(test_list="a03,a01"), 4, {"train", "test"}, 4, "images/"),
    "a train.txt of other things": (listed(train="one sentence\nanother one\na00"), 4, {None}, 4,
                                    "images/ beside masks/"),
    "unequal endings and letters": (both("img/{}.JPG", "mask/{}_Mask.PNG",
                                         images=lambda n: picture(n, "JPEG")), 4, {None}, 4,
                                    "img/ beside mask/"),
}  # fmt: skip

# layout: how it is written, words of the refusal
REFUSED = {
    "images/ + labels/*.txt (YOLO)": (yolo, r"4 \.txt files in the place of masks"),
    "images/ + annotations/*.json (COCO)": (coco, r"4 \.json files in the place of masks"),
    "two kinds of masks (DRIVE)": (drive, r"1st_manual/21_manual1.gif \(has no image\)"),
    "two masks for an image (BUSI)": (second_masks, r"has masks .*1\)_mask.png and .*_mask_1.png"),
    "an image without its mask": (one_lacks, r"imgs/a02.png \(has no mask\)"),
    "a case without a channel": (lacking_channel, r"BraTS_002_seg.nii \(has flair, t1, t1ce; most"),
    "no mask at all": (volumes("a/{}.nii", "a/{}x.nii"), r"8 \.nii"),
    "DICOM without ending": (dicom, r"4 DICOM(.|\n)*DICOM.*dcm2niix"),
    "DICOM with dots in the names": (dicom_series, r"4 DICOM(.|\n)*dcm2niix"),
    "DICOM beside masks": (dicom_beside, r"4 \.nii, 4 \.dcm(.|\n)*dcm2niix"),
    "a mask file for each organ": (totalsegmentator, r"ct\.nii \(has 2 masks"),
    "a mask for each nucleus (DSB 2018)": (nuclei, r"a00\.png \(has 3 masks; one is needed"),
    "foo/1.png + bar/1.png": (numbered, r"Which are they(.|\n)*--task classification"),
    "foo/ + bar/, some without": (some_lack, r"2 files .*foo/a02\.png \(has no mask\)"),
    "three folders of equal names": (overlays, r"aa/, bb/, cc/ have the same names(.|\n)*bb/"),
    "a folder of masks for each class": (organs, r"images/a00\.png \(has no mask\)"),
    "one name in two lists": (listed(train="a00\na01\na02", test="a03\na02"),
                              r"train\.txt both name a02|test\.txt and .*both name a02"),
    "two data sets": (two_sets, r"2 data sets.*Dataset001_a/dataset\.json(.|\n)*folder of one"),
    "arrays beside pictures": (arrays_beside, r"4 \.npy(.|\n)*nibabel\.save"),
    "arrays": (arrays, r"8 \.npy(.|\n)*nibabel\.save"),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_layouts_are_understood(tmp_path, name):
    layout, count, splits_there, patients_there, words = READ[name]
    layout(tmp_path)
    assert domains.recognize(str(tmp_path)).name == "medical"
    listing = folder.list_pairs(str(tmp_path))
    assert len(listing.pairs) == count
    assert {pair.split for pair in listing.pairs} == splits_there
    assert len({pair.patient for pair in listing.pairs}) == patients_there
    assert words in listing.kind, listing.kind
    for pair in listing.pairs:
        assert pair.image != pair.mask and is_mask(tmp_path / pair.mask)
        assert not is_mask(tmp_path / pair.image)


def is_mask(path):
    if path.suffix == ".nrrd":
        return True
    if path.suffix == ".nii":
        return nibabel.load(path).get_data_dtype() == np.uint8
    return len(np.unique(np.asarray(Image.open(path)))) < 5


@pytest.mark.parametrize("name", REFUSED)
def test_layouts_that_cannot_be_read_are_refused_with_what_they_hold(tmp_path, name):
    layout, words = REFUSED[name]
    layout(tmp_path)
    assert domains.recognize(str(tmp_path)).name == "medical"
    with pytest.raises(errors.DataError, match=words):
        folder.list_pairs(str(tmp_path))


@pytest.mark.parametrize("ending", [".json", ".xml", ".txt"])
def test_pictures_with_outlines_beside_them_get_advice_that_fits(tmp_path, ending):
    for number, name in enumerate(NAMES):
        put(tmp_path / f"{name}.png", picture(number))
        put(tmp_path / f"{name}{ending}", b"{}")
    vision = domains.get_domain("vision")
    with pytest.raises(errors.DataError, match=rf"4 of them with a {ending} file(.|\n)*as a mask"):
        vision.open(str(tmp_path), {})


def test_empty_masks_are_masks(tmp_path):
    empty_masks(tmp_path)
    assert domains.recognize(str(tmp_path)).name == "medical"
    assert all(pair.mask.startswith("bar/") for pair in folder.list_pairs(str(tmp_path)).pairs)


def test_what_may_be_classes_is_read_as_classes_where_asked_for(tmp_path):
    numbered(tmp_path / "a")
    busi(tmp_path / "b")
    for name in ("a", "b"):
        assert domains.recognize(str(tmp_path / name), "classification").name == "vision"


def letters(root):
    """Write drawings of few values in both classes."""
    for number in range(N):
        for place, seed in (("a", number), ("b", number + 9)):
            put(root / place / f"{number}.png", mask(seed))


PHOTOS = {
    "cat/ + dog/ with equal names": both("cat/{}.png", "dog/{}.png",
                                         masks=lambda n: picture(n + 9)),
    "train/cat, train/dog": both("train/cat/{}.png", "train/dog/{}.png",
                                 masks=lambda n: picture(n + 9)),
    "mask/ + no_mask/": both("mask/{}.png", "no_mask/{}.png", masks=lambda n: picture(n + 9)),
    "with_mask/ + without_mask/": both("with_mask/{}.png", "without_mask/{}.png",
                                       masks=lambda n: picture(n + 9)),
    "original/ + target/ photos": both("original/{}.png", "target/{}.png",
                                       masks=lambda n: picture(n + 9)),
    "scan/ + label/ photos": both("scan/{}.png", "label/{}.png", masks=lambda n: picture(n + 9)),
    "photos/ + manual/ photos": both("photos/{}.png", "manual/{}.png",
                                     masks=lambda n: picture(n + 9)),
    "cat/cat_seg.png, dog/dog_seg.png": both("cat/{}_seg.png", "dog/{}_seg.png",
                                             masks=lambda n: picture(n + 9)),
    "drawings of few values": letters,
    "photos and a stray volume": stray_volume,
    "drawings and photos of other sizes": other_sizes,
    "label_1.png among photos": both("cat/{}.png", "dog/label_{}.png",
                                     masks=lambda n: picture(n + 9)),
}  # fmt: skip


@pytest.mark.parametrize("name", PHOTOS)
def test_class_folders_are_not_taken_for_pairs(tmp_path, name):
    PHOTOS[name](tmp_path)
    assert folder.looks_like_pairs(str(tmp_path)) is None


IMAGE_FOLDERS = (
    "images", "imgs", "Image", "scans", "x", "data", "input", "JPEGImages", "foo", "Bilder", "raw",
    "originals", "ct", "photos", "2d_images",
)  # fmt: skip
MASK_FOLDERS = (
    "masks", "Labels", "gt", "GT", "segmentations", "annotations", "y", "target", "bar", "Masken",
    "GroundTruth", "ground_truth", "1st_manual", "mask_png", "labels_ct", "SegmentationClass",
)  # fmt: skip
PLACES = ("{d}/", "{s}/{d}/", "{d}/{s}/", "{s}_{d}/", "{s}/")
STEMS = ("a{n}", "img_{n}", "case {n:02d}", "IMG-{n}", "tumor{n}", "p_{n}_s1")
MARKS = ("{}", "{}_mask", "{}_seg", "mask_{}", "{}-label", "seg-{}", "{}_gt")


@pytest.mark.parametrize("seed", range(60))
def test_any_names_in_any_order_are_paired(tmp_path, seed):
    """Folders, splits above, below or before them, one folder for both; stems and marks."""
    rng = np.random.default_rng(seed)
    images, masks, place, stem, mark = (
        str(rng.choice(words)) for words in (IMAGE_FOLDERS, MASK_FOLDERS, PLACES, STEMS, MARKS)
    )
    if place == "{s}/" and mark == "{}":
        mark = "{}_mask"
    expected = {}
    for number in range(6):
        split = ("train", "val", "test")[number // 2]
        name = stem.format(n=number)
        image = f"{place.format(d=images, s=split)}{name}.png"
        target = f"{place.format(d=masks, s=split)}{mark.format(name)}.png"
        put(tmp_path / image, picture(number))
        put(tmp_path / target, mask(number))
        expected[image] = (target, split if "{s}" in place else None)
    listing = folder.list_pairs(str(tmp_path))
    assert {pair.image: (pair.mask, pair.split) for pair in listing.pairs} == expected


def test_what_takes_no_part_is_counted(tmp_path):
    carvana(tmp_path / "a")
    assert "3 images without masks in test/" in folder.list_pairs(str(tmp_path / "a")).set_aside
    decathlon(tmp_path / "b")
    assert "2 images without masks in imagesTs/" in folder.list_pairs(str(tmp_path / "b")).set_aside
    voc(tmp_path / "c")
    aside = " ".join(folder.list_pairs(str(tmp_path / "c")).set_aside)
    assert "4 masks of another kind" in aside and "SegmentationObject/" in aside
    two_experts(tmp_path / "d")
    assert "4 masks of another kind" in folder.list_pairs(str(tmp_path / "d")).set_aside[0]
    superpixels(tmp_path / "e")
    assert "4 images without masks" in folder.list_pairs(str(tmp_path / "e")).set_aside[0]
    cityscapes(tmp_path / "f")
    assert "12 masks of another kind" in folder.list_pairs(str(tmp_path / "f")).set_aside[0]


def main() -> None:
    """Print what each layout is understood as."""
    for name, (layout, *_) in {**READ, **REFUSED}.items():
        with tempfile.TemporaryDirectory() as place:
            layout(Path(place))
            try:
                listing = folder.list_pairs(place)
                aside = "; ".join(("", *listing.set_aside)) if listing.set_aside else ""
                told = f"{len(listing.pairs)} {listing.kind}{aside}"
            except errors.DataError as error:
                told = "refused: " + " ".join(str(error).replace(place, "DATA").split())[:180]
        sys.stdout.write(f"| {name} | {told} |\n")


if __name__ == "__main__":
    main()
