"""What can go wrong in the catalog, in the reader's words."""

from __future__ import annotations

from mam.lib.errors import MamError, gettext_noop


class ObjectNotFoundError(MamError):
    code = "object_not_found"
    template = gettext_noop("This does not exist, or not any more.")
    http_status = 404


class NameMissingError(MamError):
    code = "name_missing"
    template = gettext_noop("Enter a name.")
    http_status = 400


class NameTooLongError(MamError):
    code = "name_too_long"
    template = gettext_noop("The name may have %(max_length)s characters at most.")
    http_status = 400


class NameTakenError(MamError):
    code = "name_taken"
    template = gettext_noop("The name “%(name)s” is used already.")
    http_status = 409


class ColorInvalidError(MamError):
    code = "color_invalid"
    template = gettext_noop("“%(color)s” is not a colour like #1f6feb.")
    http_status = 400


class ConfirmationMismatchError(MamError):
    code = "confirmation_mismatch"
    template = gettext_noop("Enter the name “%(name)s” exactly to confirm.")
    http_status = 409


class MergeIntoItselfError(MamError):
    code = "merge_into_itself"
    template = gettext_noop("Choose two different ones to merge.")
    http_status = 400


class CollectionCycleError(MamError):
    code = "collection_cycle"
    template = gettext_noop("A collection cannot lie inside itself.")
    http_status = 409


class OrderMismatchError(MamError):
    code = "order_mismatch"
    template = gettext_noop("The list has changed in the meantime. Load it again and repeat the change.")
    http_status = 409


class FilledBySearchError(MamError):
    code = "filled_by_search"
    template = gettext_noop("“%(name)s” holds what its search finds. Files cannot be put in by hand.")
    http_status = 409


class NotEmptyError(MamError):
    code = "not_empty"
    template = gettext_noop("“%(name)s” is not empty. Move or delete what is in it first.")
    http_status = 409


class SplitTakesAllError(MamError):
    code = "split_takes_all"
    template = gettext_noop("Choose some of the content's files, not none and not all of them.")
    http_status = 400


class NothingToChangeError(MamError):
    code = "nothing_to_change"
    template = gettext_noop("Choose at least one file, and what is to be done with it.")
    http_status = 400


class ImportTooLargeError(MamError):
    code = "import_too_large"
    template = gettext_noop("The file may have %(lines)s lines and %(megabytes)s MB at most.")
    http_status = 413


class ImportNotAsShownError(MamError):
    code = "import_not_as_shown"
    template = gettext_noop("This is not what was shown, or it was applied already. Load the page again.")
    http_status = 409


class AskerGoneError(MamError):
    code = "asker_gone"
    template = gettext_noop("Whoever asked for this has been deleted, so it has stopped. Have it go on if it is still wanted.")
    http_status = 409


class TooManyFilesError(MamError):
    code = "too_many_files"
    template = gettext_noop("At most %(limit)s files can be changed at once. Narrow the search first.")
    http_status = 400


class PlayerUnknownError(MamError):
    code = "player_unknown"
    template = gettext_noop("There is no player named “%(name)s”.")
    http_status = 400


class PlayerAmbiguousError(MamError):
    code = "player_ambiguous"
    template = gettext_noop("“%(name)s” may be one of several players (%(players)s). Write the name of the one that is meant.")
    http_status = 400


class ArchiveFileError(MamError):
    """Base of what is wrong with the file of an old archive."""

    code = "archive_unreadable"
    template = gettext_noop("“%(name)s” cannot be read: %(detail)s")
    http_status = 400


class ArchiveNotDatabaseError(ArchiveFileError):
    code = "archive_not_database"
    template = gettext_noop("“%(name)s” is not an SQLite database.")


class ArchiveDamagedError(ArchiveFileError):
    code = "archive_damaged"
    template = gettext_noop("“%(name)s” is damaged: %(detail)s")


class ArchiveBusyError(ArchiveFileError):
    code = "archive_busy"
    template = gettext_noop("“%(name)s” is in use, or was not closed properly. End the program that uses it, and try again.")
    http_status = 409
    is_permanent = False


class ArchiveEmptyError(ArchiveFileError):
    code = "archive_empty"
    template = gettext_noop("“%(name)s” has none of the tables of an archive: %(tables)s.")


class SourceOptionInvalidError(MamError):
    code = "source_option_invalid"
    template = gettext_noop("The value of “%(option)s” is not possible.")
    http_status = 400


class PathRuleError(MamError):
    """Base of what is wrong with a path rule."""

    code = "path_rule_invalid"
    template = gettext_noop("The path rule is not valid.")
    http_status = 400


class RulePatternError(PathRuleError):
    code = "path_rule_pattern"
    template = gettext_noop("The pattern cannot be understood: %(detail)s")


class RulePatternTooLongError(PathRuleError):
    code = "path_rule_too_long"
    template = gettext_noop("The pattern may have %(max_length)s characters at most.")


class RuleGroupMissingError(PathRuleError):
    code = "path_rule_group_missing"
    template = gettext_noop("The pattern needs a group (?P<%(group)s>…).")


class RuleGroupUnknownError(PathRuleError):
    code = "path_rule_group_unknown"
    template = gettext_noop("There is no group named “%(group)s”. Known groups: %(known)s.")
