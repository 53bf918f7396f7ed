using System.Collections;
using System.Data;
using System.Management.Automation;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest;

/// <summary>Reads names and values of whatever comes down the pipeline as a row.</summary>
internal static class RowReader
{
    /// <summary>What System.Text.Json writes, less one for the row.</summary>
    private const int MaxDepth = 60;

    /// <summary>The rows of an input: itself, or those of a table or a reader.</summary>
    public static IEnumerable<object> Rows(PSObject input) => input.BaseObject switch
    {
        DataTable table => table.Rows.Cast<object>(),
        IDataReader reader => Records(reader),
        _ => [input],
    };

    public static string[] Names(object row) => row switch
    {
        DataRow record => record.Table.Columns.Cast<DataColumn>().Select(c => c.ColumnName).ToArray(),
        IDataRecord record => Enumerable.Range(0, record.FieldCount).Select(record.GetName).ToArray(),
        PSObject { BaseObject: DataRow or IDataRecord } record => Names(record.BaseObject),
        PSObject { BaseObject: IDictionary record } => record.Keys.Cast<object>().Select(k => k.ToString()!).ToArray(),
        PSObject record => record.Properties.Where(p => p.IsGettable).Select(p => p.Name).ToArray(),
        _ => [],
    };

    public static object?[] Values(object row, string[] names)
    {
        var values = new object?[names.Length];
        for (int i = 0; i < names.Length; i++) values[i] = Plain(Value(row, names[i]));
        return values;
    }

    private static object? Value(object row, string name) => row switch
    {
        DataRow record => record[name],
        IDataRecord record => record[name],
        PSObject { BaseObject: DataRow or IDataRecord } record => Value(record.BaseObject, name),
        PSObject { BaseObject: IDictionary record } => record[name],
        PSObject record => record.Properties[name]?.Value,
        _ => null,
    };

    /// <summary>Without PowerShell's wrappers, so that nested objects become plain JSON.</summary>
    /// <exception cref="CitusException">The value refers to itself, or is nested too deep for JSON.</exception>
    internal static object? Plain(object? value, int depth = 0)
    {
        if (depth > MaxDepth)
        {
            throw new CitusException("CitusValueTooDeep", CitusErrorKind.InvalidData, $"A value is nested more than {MaxDepth} levels deep, or refers to itself.",
                "Select-Object takes the properties that are to be sent; ConvertTo-Json -Depth makes JSON of a part.");
        }
        switch (value)
        {
            case null or string or DBNull: return value;
            case PSObject { BaseObject: PSCustomObject } nested: return nested.Properties.ToDictionary(p => p.Name, p => Plain(p.Value, depth + 1));
            case PSObject wrapped: return Plain(wrapped.BaseObject, depth);
            case IDictionary map: return map.Keys.Cast<object>().ToDictionary(k => k.ToString()!, k => Plain(map[k], depth + 1));
            case byte[]: return value;
            case IEnumerable list: return list.Cast<object?>().Select(item => Plain(item, depth + 1)).ToList();
            default: return value;
        }
    }

    private static IEnumerable<object> Records(IDataReader reader)
    {
        while (reader.Read()) yield return reader;
    }
}
