using System.Collections;
using System.Data;
using System.Management.Automation;
using System.Xml;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest;

/// <summary>Reads names and values of whatever comes down the pipeline as a row.</summary>
internal static class RowReader
{
    /// <summary>What System.Text.Json writes, less one for the row.</summary>
    private const int MaxDepth = 60;

    /// <summary>The rows of an input: itself, or those of a list, a table, a view or a reader.</summary>
    public static IEnumerable<object> Rows(PSObject input) => input.BaseObject switch
    {
        DataTable table => table.Rows.Cast<object>(),
        DataView view => view.Cast<DataRowView>().Select(row => row.Row),
        DataRowView row => [row.Row],
        // The pipeline unrolls a list, -InputObject does not.
        IList list => list.Cast<object?>().OfType<object>().SelectMany(item => Rows(PSObject.AsPSObject(item))),
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

    /// <summary>Properties of a row that are not among some names.</summary>
    public static IEnumerable<string> Others(object row, string[] names) => row switch
    {
        PSObject { BaseObject: IDictionary record } =>
            record.Keys.Cast<object>().Select(k => k.ToString()!).Where(k => !names.Contains(k, StringComparer.OrdinalIgnoreCase)),
        PSObject { BaseObject: PSCustomObject } record => OtherProperties(record, names),
        _ => [], // a type's properties are the same for all its rows
    };

    private static List<string> OtherProperties(PSObject record, string[] names)
    {
        List<string> others = [];
        int next = 0;
        foreach (PSPropertyInfo property in record.Properties)
        {
            // Almost always the same properties in the same order.
            if (next < names.Length && property.Name == names[next]) next++;
            else if (!names.Contains(property.Name, StringComparer.OrdinalIgnoreCase)) others.Add(property.Name);
        }
        return others;
    }

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
        if (depth > MaxDepth) throw LoadErrors.ValueTooDeep(MaxDepth);
        switch (value)
        {
            case null or string or DBNull: return value;
            case PSObject { BaseObject: PSCustomObject } nested: return nested.Properties.ToDictionary(p => p.Name,
                p => Plain(p.Value, depth + 1));
            case PSObject wrapped: return Plain(wrapped.BaseObject, depth);
            case IDictionary map: return map.Keys.Cast<object>().ToDictionary(k => k.ToString()!, k => Plain(map[k], depth + 1));
            case XmlNode xml: return depth == 0 ? xml : xml.OuterXml;
            case Array { Rank: > 1 } array: return Plain(ValueText.Nested(array), depth);
            case not null when ValueText.IsOne(value): return value;
            case IEnumerable list: return list.Cast<object?>().Select(item => Plain(item, depth + 1)).ToList();
            default: return value;
        }
    }

    private static IEnumerable<object> Records(IDataReader reader)
    {
        while (reader.Read()) yield return reader;
    }
}
