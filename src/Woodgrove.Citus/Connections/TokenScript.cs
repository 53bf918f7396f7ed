using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;
using System.Net;
using System.Security;

namespace Woodgrove.Citus.Connections;

/// <summary>
/// The script block that fetches a token. It runs whenever a session must be opened and the last token is about to
/// expire: long after its pipeline may have ended, on any thread, and so in a PowerShell session of its own. The
/// values of <c>$using:name</c> are taken when connecting.
/// </summary>
internal sealed class TokenScript
{
    private readonly string _text;
    private readonly Dictionary<string, object?> _values = [];

    public TokenScript(ScriptBlock script, PSVariableIntrinsics variables)
    {
        string text = script.ToString();
        int start = script.Ast.Extent.StartOffset + (script.Ast.Extent.Text.StartsWith('{') ? 1 : 0);
        foreach (UsingExpressionAst use in script.Ast.FindAll(a => a is UsingExpressionAst, true).Cast<UsingExpressionAst>()
            .OrderByDescending(a => a.Extent.StartOffset))
        {
            if (use.SubExpression is not VariableExpressionAst { VariablePath.UserPath: { } name }) continue;
            _values[name] = variables.GetValue(name);
            text = text.Remove(use.Extent.StartOffset - start, use.Extent.Text.Length)
                .Insert(use.Extent.StartOffset - start, $"${{{name}}}");
        }
        _text = text;
    }

    public Task<string> FetchAsync(CancellationToken stop) => Task.Run(() =>
    {
        using PowerShell shell = PowerShell.Create(InitialSessionState.CreateDefault2());
        foreach ((string name, object? value) in _values) shell.Runspace.SessionStateProxy.SetVariable(name, value);
        using CancellationTokenRegistration stopping = stop.Register(() => shell.Stop());
        PSObject? given = shell.AddScript(_text).Invoke(null, new PSInvocationSettings { ErrorActionPreference = ActionPreference.Stop })
            .LastOrDefault(o => o is not null);
        string token = given is null ? "" : Read(given.Properties["Token"]?.Value ?? given.BaseObject);
        return token.Length > 0 ? token : throw new InvalidOperationException("it returned nothing");
    }, stop);

    /// <summary>The text of a token: a secure string, or a string.</summary>
    public static string Read(object? token) => (token is PSObject wrapped ? wrapped.BaseObject : token) switch
    {
        SecureString secret => new NetworkCredential("", secret).Password,
        { } other => other.ToString()!,
        null => "",
    };
}
