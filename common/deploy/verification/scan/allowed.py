"""Allow-lists for configs without code: components with their arguments, and expressions, verbatim.

The name of a component is not enough: ``LoadImaged`` imports the class named by its ``reader``. So arguments are
allowed one by one, and those that name code (``reader``, ``select_fn``, ``collate_fn``, ``prepare_batch``) are not.
"""

from __future__ import annotations

__all__ = ["EXPRESSIONS", "FIXED", "FIXED_ARGUMENTS", "IMPORTS", "MACROS", "TARGETS"]

TARGETS: dict[str, frozenset[str]] = {
    name: frozenset(arguments.split())
    for name, arguments in {
        "Compose": "transforms",
        "LoadImaged": "keys ensure_channel_first allow_missing_keys",
        "EnsureChannelFirstd": "keys channel_dim allow_missing_keys",
        "Orientationd": "keys axcodes labels allow_missing_keys",
        "Spacingd": "keys pixdim mode padding_mode align_corners allow_missing_keys",
        "LabelToMaskd": "keys select_labels allow_missing_keys",
        "MaskIntensityd": "keys mask_key allow_missing_keys",
        "CropForegroundd": "keys source_key margin allow_smaller allow_missing_keys",
        "ScaleIntensityd": "keys minv maxv channel_wise allow_missing_keys",
        "ScaleIntensityRanged": "keys a_min a_max b_min b_max clip allow_missing_keys",
        "ScaleIntensityRangePercentilesd": "keys lower upper b_min b_max clip channel_wise allow_missing_keys",
        "NormalizeIntensityd": "keys subtrahend divisor nonzero channel_wise allow_missing_keys",
        "BorderPadd": "keys spatial_border mode allow_missing_keys",
        "Lambda": "func",  # as every argument, one of the expressions below
        "SpatialPadd": "keys spatial_size method mode allow_missing_keys",
        "Resized": "keys spatial_size size_mode mode align_corners anti_aliasing allow_missing_keys",
        "ResizeWithPadOrCropd": "keys spatial_size method mode allow_missing_keys",
        "Transposed": "keys indices allow_missing_keys",
        "EnsureTyped": "keys data_type dtype track_meta allow_missing_keys",
        "SelectItemsd": "keys allow_missing_keys",
        "Invertd": "keys transform orig_keys nearest_interp to_tensor",
        "AsDiscreted": "keys argmax",
        "SlidingWindowInferer": "roi_size sw_batch_size overlap mode",
        "CopyItemsd": "keys names",
        "ConcatItemsd": "keys name",
        "SplitDimd": "keys dim output_postfixes",
        "SqueezeDimd": "keys dim update_meta",
        "DeleteItemsd": "keys",
        "Dataset": "data transform",
        "monai.data.load_decathlon_datalist": "data_list_file_path is_segmentation data_list_key base_dir",
        "DataLoader": "dataset batch_size num_workers",
        "SimpleInferer": "",
        "torch.jit.load": "f map_location",
        "StatsHandler": "iteration_log output_transform",
        "ClassificationSaver": "output_dir filename batch_transform output_transform",
        "SupervisedEvaluator": "device val_data_loader network inferer postprocessing val_handlers amp",
        "monai.data.CSVDataset": "src kwargs_read_csv",  # archives up to version 0.2.0
    }.items()
}

IMPORTS = frozenset({"$import json", "$import os", "$import pathlib", "$import sys"})
MACROS = frozenset({"%run"})  # another id of the same file, which is scanned itself

EXPRESSIONS = frozenset(
    {
        # paths below the archive's folder
        "$@bundle_root + '/data'",
        "$@bundle_root + '/models/model.ts'",
        "$@bundle_root + '/outputs/inference'",
        "$@dataset_dir + '/datalist.json'",
        "$@output_dir + '/predictions.csv'",
        # device and types
        "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "$@network_def.to(@device)",
        "$torch.float32",
        # settings
        "$max(@image_size)",
        "$[size // 2 + 1 for size in @box_size]",
        "$lambda row: {**row, 'image': torch.roll(row['image'], [length // 2 - int(centre) for length, centre in "
        "zip(row['mask'].shape[1:], (row['mask'][0] > 0).nonzero().double().mean(dim=0).add(0.5))], [1, 2, 3])}",
        "$@image_size == @box_size",
        "$@image_size if @lesion_share is None else round(@lesion_share * min(@image_size))",
        "$'all' if @lesion_share is None else 'longest'",
        "$@mask_label is None",
        "$@spacing is None",
        "$str(@amp).lower() == 'true'",
        "$str(@apply_mask).lower() != 'true'",
        "$str(@crop).lower() != 'true'",
        "$str(@crop_foreground).lower() == 'false'",
        "$str(@enlarge).lower() == 'true'",
        "$'bilinear' if str(@enlarge).lower() == 'true' else 'area'",
        # results
        "$lambda output: None",
        "$lambda batch: [{'filename_or_obj': os.path.basename(row['subject'])} for row in batch]",
        "$lambda batch: [{'filename_or_obj': '_'.join(os.path.basename(str(row[key])) for key in "
        "('subject', 'session') if key in row)} for row in batch]",
        "$monai.handlers.from_engine('pred')",
        "$['subject'] + [f'probability_{k}' for k in range(@num_classes)]",
        "$monai.utils.set_determinism(seed=0)",
        "$os.path.isfile(@datalist) or sys.exit('error: ' + @datalist + ': found no such file, expected a datalist; "
        "name its folder by --dataset_dir')",
        "$json.load(open(@datalist, 'rb')).get(@section) or sys.exit('error: ' + @datalist + ': section ' + @section + "
        "': found no rows, expected at least one; set --section ' + ('testing' if @section == 'training' else "
        "'training'))",
        "$@evaluator.run()",
        "$[dict(zip(@columns, [subject, *map(float, values)])) for subject, *values in (line.rsplit(',', "
        "len(@columns) - 1) for line in pathlib.Path(@predictions).read_text().split('\\n')[:-1])]",
        "$monai.bundle.ConfigParser.export_config_file(@table, @output_dir + '/predictions.json', fmt='json', "
        "indent=1)",
        # archives up to version 0.2.0
        "$monai.bundle.ConfigParser.export_config_file([dict(row) for row in @table], @output_dir + "
        "'/predictions.json', fmt='json', indent=1)",
    }
)

# Ids and arguments with fixed values: else torch.jit.load could read a file that was not scanned.
FIXED = {
    "bundle_root": ".",
    "checkpoint": "$@bundle_root + '/models/model.ts'",
    "predictions": "$@output_dir + '/predictions.csv'",  # is read and copied, so it must be no file of the receiver
}
FIXED_ARGUMENTS = {"torch.jit.load": {"f": "@checkpoint"}, "monai.data.CSVDataset": {"src": "@predictions"}}
