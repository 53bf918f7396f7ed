using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Connections;

/// <summary>The connections of this PowerShell process, the latest last.</summary>
internal static class SessionConnections
{
    private static readonly object Gate = new();
    private static readonly List<CitusConnection> Open = [];

    public static IReadOnlyList<CitusConnection> All
    {
        get { lock (Gate) return [.. Open]; }
    }

    /// <summary>Adds a connection; one of the same name gives way to it.</summary>
    public static async Task AddAsync(CitusConnection connection)
    {
        CitusConnection? replaced;
        lock (Gate)
        {
            replaced = Open.Find(c => c.Name == connection.Name);
            if (replaced is not null) Open.Remove(replaced);
            Open.Add(connection);
            connection.AsksDefault = c => All is [.., var latest] && latest == c;
        }
        if (replaced is not null) await replaced.DisposeAsync();
    }

    public static async Task RemoveAsync(CitusConnection connection)
    {
        lock (Gate) Open.Remove(connection);
        await connection.DisposeAsync();
    }

    public static CitusConnection Latest()
    {
        lock (Gate)
        {
            return Open.Count > 0 ? Open[^1] : throw SessionErrors.NotConnected();
        }
    }

    public static CitusConnection Named(string name)
    {
        lock (Gate)
        {
            return Open.Find(c => string.Equals(c.Name, name, StringComparison.OrdinalIgnoreCase))
                ?? throw SessionErrors.NoConnection(name);
        }
    }
}

/// <summary>Lets <c>-Connection</c> take a name in place of the object.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class ConnectionTransformationAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object? value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (value is not string name) return value!;
        try
        {
            return SessionConnections.Named(name);
        }
        catch (CitusException e)
        {
            throw new ArgumentTransformationMetadataException(e.Message, e);
        }
    }
}

/// <summary>Completes names of connections.</summary>
internal sealed class ConnectionCompleter : IArgumentCompleter
{
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters) =>
        SessionConnections.All.Select(c => c.Name)
            .Where(n => n.StartsWith(wordToComplete.Trim('\'', '"'), StringComparison.OrdinalIgnoreCase))
            .Select(n => new CompletionResult($"'{n.Replace("'", "''", StringComparison.Ordinal)}'", n, CompletionResultType.ParameterValue,
                n));
}
