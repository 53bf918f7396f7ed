using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Schema;

/// <summary>Errors of the objects of a schema that is imported.</summary>
internal static class SchemaImportErrors
{
    public static CitusException ObjectFailed(SchemaObject item, SchemaImportResult result) => new("CitusSchemaObjectFailed",
        CitusErrorKind.InvalidOperation, $"{item}: {result.Reason}",
        "What depends on it is skipped. Once the cause is gone, run the import again: it leaves out what exists.") { Target = item.Name };
}
