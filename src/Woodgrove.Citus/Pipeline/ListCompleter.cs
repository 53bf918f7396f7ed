using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace Woodgrove.Citus.Pipeline;

/// <summary>Completes from a list that no cluster is asked for.</summary>
internal abstract class ListCompleter : IArgumentCompleter
{
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        string start = wordToComplete.Trim('\'', '"');
        return Items().Where(i => i.Text.StartsWith(start, StringComparison.OrdinalIgnoreCase))
            .Select(i => new CompletionResult(Quote(i.Text), i.Text, CompletionResultType.ParameterValue, i.Tip));
    }

    /// <summary>What can be written, with what a tooltip says of it.</summary>
    protected abstract IEnumerable<(string Text, string Tip)> Items();

    /// <summary>As it is written on the command line.</summary>
    protected virtual string Quote(string text) => Quoted(text);

    /// <summary>A word as it stands, anything else in single quotes.</summary>
    public static string Quoted(string text) =>
        text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-') ? text
            : $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
}
